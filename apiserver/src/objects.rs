//! Objects at rest: reads, conditional writes and deletes of one key, with deadlines and upstream's failures.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use corvette_api::{
    meta,
    status::{self, Status},
};
use corvette_store::{Change, Error, Expect, KeyValue, Revision, Store, TxnOutcome};
use serde_json::Value;

use crate::{
    cacher::{self, Entry},
    endpoints::codec,
    recent::Recent,
    splice,
};

/// Longest wait for one call of the store.
pub const STORE_DEADLINE: Duration = Duration::from_secs(10);
/// Seconds after which clients are asked to try again when the store is away.
const RETRY_AFTER: u32 = 1;

/// An object read from the store.
#[derive(Clone, Debug)]
pub struct Current {
    /// The object in its storage version, with its resourceVersion.
    pub value: Value,
    /// Revision of its last change.
    pub revision: Revision,
}

/// What the store has instead of what was known.
#[derive(Debug)]
pub enum Newer {
    /// Nothing else.
    Same,
    /// Another state of the object, or none.
    Other(Option<Current>),
}

/// What became of a conditional write.
#[derive(Debug)]
pub enum Written<T> {
    /// It is durable.
    Done(T),
    /// Something else is there, or nothing.
    Conflict(Option<Box<Current>>),
}

/// Conditional access to single objects.
pub struct Objects {
    store: Arc<dyn Store>,
    /// The newest revision written here.
    newest: AtomicU64,
    recent: Recent,
}

impl Objects {
    /// Reads and writes through `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, newest: AtomicU64::new(0), recent: Recent::default() }
    }

    /// Returns the newest revision that was written through this.
    pub fn newest(&self) -> Revision {
        Revision(self.newest.load(Ordering::Acquire))
    }

    /// Returns the object of an entry of the cache, unparsed if it was written here last.
    ///
    /// # Errors
    /// 500 when the object is damaged.
    pub fn of_entry(&self, entry: &Entry) -> Result<Current, Status> {
        let value = match self.recent.take(entry.revision) {
            Some(value) => value,
            None => codec::parse_stored(&entry.json())?,
        };
        Ok(Current { value, revision: entry.revision })
    }

    /// Reads an object as it is now.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn fresh(&self, key: &str) -> Result<Option<Current>, Status> {
        let (found, _) = deadline(self.store.get(key)).await?;
        found.map(|kv| current(&kv)).transpose()
    }

    /// Reads an object as it is now, unless it is still that of `revision`.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn newer(&self, key: &str, revision: Revision) -> Result<Newer, Status> {
        let (found, _) = deadline(self.store.get(key)).await?;
        match found {
            Some(kv) if kv.mod_revision == revision => Ok(Newer::Same),
            found => Ok(Newer::Other(found.map(|kv| current(&kv)).transpose()?)),
        }
    }

    /// Writes an object of the storage version and returns it as it is stored: its JSON with its resourceVersion, ready
    /// to be sent.
    ///
    /// # Errors
    /// 503 or 504 when the store is away, 413 when the object is too large.
    pub async fn put(
        &self,
        key: &str,
        expect: Expect,
        mut object: Value,
        ttl: Option<Duration>,
    ) -> Result<Written<Bytes>, Status> {
        let value = cacher::encode_for_store(&object).map_err(status::internal)?;
        let change = Change::Put { value: value.clone(), ttl };
        let outcome = deadline(self.store.txn(key, expect, change)).await?;
        self.written(outcome, |revision| {
            meta::set_resource_version(&mut object, &revision.to_string());
            self.recent.put(revision, object, value.len());
            splice::with_resource_version(&value, revision.0)
        })
    }

    /// Deletes an object and returns the revision of that.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn delete(&self, key: &str, expect: Expect) -> Result<Written<Revision>, Status> {
        let outcome = deadline(self.store.txn(key, expect, Change::Delete)).await?;
        self.written(outcome, |revision| revision)
    }

    fn written<T>(&self, outcome: TxnOutcome, done: impl FnOnce(Revision) -> T) -> Result<Written<T>, Status> {
        match outcome {
            TxnOutcome::Done { revision, .. } => {
                self.newest.fetch_max(revision.0, Ordering::AcqRel);
                Ok(Written::Done(done(revision)))
            }
            TxnOutcome::Conflict { current: found, .. } => {
                Ok(Written::Conflict(found.map(|kv| current(&kv).map(Box::new)).transpose()?))
            }
        }
    }
}

fn current(kv: &KeyValue) -> Result<Current, Status> {
    let mut value = codec::parse_stored(&kv.value)?;
    meta::set_resource_version(&mut value, &kv.mod_revision.to_string());
    Ok(Current { value, revision: kv.mod_revision })
}

/// Bounds a call of the store and words its failures.
///
/// # Errors
/// What [`failure`] makes of the store's error, 504 at the deadline.
pub async fn deadline<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Status> {
    match tokio::time::timeout(STORE_DEADLINE, call).await {
        Ok(result) => result.map_err(|error| failure(&error)),
        Err(_) => Err(status::timeout("the store did not answer in time", RETRY_AFTER)),
    }
}

/// Words a store failure for clients.
pub fn failure(error: &Error) -> Status {
    match error {
        Error::Compacted { .. } => status::expired("The resourceVersion for the provided list is too old."),
        Error::Timeout { .. } => status::timeout("the store did not answer in time", RETRY_AFTER),
        Error::TooLarge { .. } => status::request_entity_too_large(error),
        Error::Corrupt { .. } => status::internal(error),
        // As upstream words etcd's quota: no reason, and nothing that makes clients try again at once.
        Error::Full { .. } => {
            tracing::warn!(%error, "store call failed");
            Status::new(500, status::Reason::Unknown, format!("{error}; nothing was stored"))
        }
        _ => {
            tracing::warn!(%error, "store call failed");
            status::service_unavailable(error.to_string()).with_retry_after(RETRY_AFTER)
        }
    }
}
