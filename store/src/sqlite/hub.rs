use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{Error, Event, Result, Revision};

/// Commits a watcher may be behind before it is dropped from the live feed and reads the log instead.
const LIVE_CAPACITY: usize = 256;

/// What one transaction changed.
#[derive(Debug)]
pub(super) struct Commit {
    /// In revision order, never empty.
    pub events: Vec<Event>,
    /// The revision of the last one.
    pub revision: Revision,
}

/// Where the writer hands its commits to the watchers. It never waits for one.
#[derive(Debug)]
pub(super) struct Hub {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    head: Revision,
    closed: bool,
    feeds: Vec<mpsc::Sender<Arc<Commit>>>,
}

impl Hub {
    pub(super) fn new(head: Revision) -> Self {
        Self { inner: Mutex::new(Inner { head, closed: false, feeds: Vec::new() }) }
    }

    /// Returns the newest durable revision.
    pub(super) fn head(&self) -> Result<Revision> {
        let inner = self.inner.lock();
        if inner.closed { Err(Error::closed()) } else { Ok(inner.head) }
    }

    /// Hands out a commit that is on disk. A feed that is full ends.
    pub(super) fn publish(&self, commit: Commit) {
        let commit = Arc::new(commit);
        let mut inner = self.inner.lock();
        inner.head = commit.revision;
        inner.feeds.retain(|feed| feed.try_send(commit.clone()).is_ok());
    }

    /// Begins a feed of all commits after the revision that is returned with it.
    pub(super) fn subscribe(&self) -> Result<(mpsc::Receiver<Arc<Commit>>, Revision)> {
        let (sender, receiver) = mpsc::channel(LIVE_CAPACITY);
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Error::closed());
        }
        inner.feeds.retain(|feed| !feed.is_closed());
        inner.feeds.push(sender);
        Ok((receiver, inner.head))
    }

    /// Ends all feeds; there will be no other commit.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.feeds.clear();
    }
}
