use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use tokio::sync::Notify;

use crate::Result;

/// A point in the history of the whole store. Revision 0 is the empty store, before any write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// Returns the revision that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key with the value it had at `mod_revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Arc<str>,
    /// The value, as it was put.
    pub value: Bytes,
    /// The revision that created the key (after its last delete).
    pub create_revision: Revision,
    /// The revision of the last change.
    pub mod_revision: Revision,
}

/// What a transaction demands of the key's present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The key does not exist.
    Absent,
    /// The key exists and was last changed at this revision.
    Revision(Revision),
    /// Whatever is there. (A [`Change::Delete`] of a missing key is still a conflict: nothing changed.)
    Any,
}

/// What a transaction does to the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets the value.
    Put {
        /// The new value.
        value: Bytes,
        /// The key is deleted this long after the write unless it is written again; `None` keeps it for ever.
        ttl: Option<Duration>,
    },
    /// Removes the key.
    Delete,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxnOutcome {
    /// The change is durable.
    Done {
        /// The revision of the change.
        revision: Revision,
        /// What was there before.
        previous: Option<KeyValue>,
    },
    /// The expectation did not hold; nothing changed.
    Conflict {
        /// What is there instead.
        current: Option<KeyValue>,
        /// The store's revision when that was read.
        revision: Revision,
    },
}

/// Which keys to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Keys that start with this.
    pub prefix: String,
    /// Only keys after this one (exclusive), to continue a paged list.
    pub start_after: Option<String>,
    /// The most keys to return; 0 returns all.
    pub limit: usize,
    /// List as it was at this revision; `None` lists the present.
    pub revision: Option<Revision>,
}

/// A page of a list, ordered by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys of this page.
    pub items: Vec<KeyValue>,
    /// The revision the list shows: the one asked for, else the present one. Further pages ask for it.
    pub revision: Revision,
    /// Whether keys follow after this page.
    pub more: bool,
    /// How many.
    pub remaining: u64,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was created or changed.
    Put,
    /// It was deleted, or its time was over.
    Delete,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The key after the change; of a delete, the last value with `mod_revision` the delete's.
    pub kv: KeyValue,
    /// What was there before; `None` for a create.
    pub previous: Option<KeyValue>,
    /// Whether the change created the key.
    pub is_create: bool,
}

/// Changes in revision order. May be empty, then it only tells of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchBatch {
    /// The changes.
    pub events: Vec<Event>,
    /// All changes up to here, and no later one, have been delivered.
    pub revision: Revision,
}

/// A running watch: a stream of batches that ends only with an error.
///
/// It holds a bounded number of changes; a reader that falls behind is caught up from the log. Dropping it ends it.
pub struct Watch {
    stream: BoxStream<'static, Result<WatchBatch>>,
    progress: Progress,
}

impl Watch {
    /// Makes a watch of a stream, for backends and for what stands around one.
    #[must_use]
    pub fn new(stream: BoxStream<'static, Result<WatchBatch>>, progress: Progress) -> Self {
        Self { stream, progress }
    }

    /// Returns a handle that asks this watch to tell how far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Stream for Watch {
    type Item = Result<WatchBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Asks a [`Watch`] for a batch that tells its revision, though no key of it changed.
///
/// Needed where other keys move the store's revision on and the backend does not tell of it by itself (etcd).
/// Requests made while one is under way become one.
#[derive(Debug, Clone, Default)]
pub struct Progress(pub(crate) Arc<Notify>);

impl Progress {
    /// Makes the request; does not wait for the answer, which is a [`WatchBatch`] on the stream.
    pub fn request(&self) {
        self.0.notify_one();
    }
}

/// A versioned key-value store.
///
/// All calls are cancel safe; a write whose call was dropped may still happen.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one key, with the store's revision at that moment. Sees every acknowledged write.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable), [`Timeout`](crate::Error::Timeout), [`Corrupt`](crate::Error::Corrupt).
    async fn get(&self, key: &str) -> Result<(Option<KeyValue>, Revision)>;

    /// Lists keys by prefix, now or at an earlier revision, in pages where a limit is given.
    ///
    /// # Errors
    /// As [`Store::get`], and [`Compacted`](crate::Error::Compacted) or [`FutureRevision`](crate::Error::FutureRevision).
    async fn list(&self, options: ListOptions) -> Result<Page>;

    /// Changes one key if its present state is as expected. Returns after the change is durable.
    ///
    /// # Errors
    /// As [`Store::get`], and [`TooLarge`](crate::Error::TooLarge), [`Full`](crate::Error::Full).
    async fn txn(&self, key: &str, expect: Expect, change: Change) -> Result<TxnOutcome>;

    /// Watches a prefix from the first change after `after`.
    ///
    /// # Errors
    /// As [`Store::get`], and [`Compacted`](crate::Error::Compacted), which may also come as an item of the stream.
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch>;

    /// Forgets the history before `through`: lists at and watches after `through` still work.
    /// Compacting what is compacted already does nothing.
    ///
    /// # Errors
    /// As [`Store::txn`], and [`FutureRevision`](crate::Error::FutureRevision).
    async fn compact(&self, through: Revision) -> Result<()>;

    /// Returns the revision of the last write; no acknowledged write is later (linearizable).
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn current_revision(&self) -> Result<Revision>;
}
