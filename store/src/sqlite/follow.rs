use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;

use super::fault::Fault;
use super::hub::{Commit, Hub};
use super::log;
use super::readers::Readers;
use crate::range::KeyRange;
use crate::{Error, Event, Progress, Result, Revision, Watch, WatchBatch};

/// Changes read from the log at once.
const LOG_PAGE: usize = 500;
/// Changes after which queued commits are no longer joined to one batch.
const BATCH: usize = 500;

/// A watch, as etcd's mvcc knows them: synced ones take the writer's live feed, unsynced ones read the log until they
/// have reached the revision their feed begins after.
struct Follower {
    hub: Arc<Hub>,
    readers: Readers,
    range: KeyRange,
    /// All changes up to here were given out.
    delivered: Revision,
    live: Option<mpsc::Receiver<Arc<Commit>>>,
    /// The feed has what comes after this; the log is read up to it.
    feed_after: Revision,
}

/// Begins a watch of `range` after `after`.
pub(super) async fn follow(hub: Arc<Hub>, readers: Readers, range: KeyRange, after: Revision) -> Result<Watch> {
    let (live, feed_after) = hub.subscribe()?;
    // Says at once, not with the first item, that the revision is too old.
    readers.run(move |connection| check(log::bounds(connection)?, after)).await?;
    let follower = Follower { hub, readers, range, delivered: after, live: Some(live), feed_after };
    let stream = futures::stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(batch) => Some((Ok(batch), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    });
    // Every commit reaches every watch, so its revision advances without being asked.
    Ok(Watch::new(stream.boxed(), Progress::default()))
}

fn check(bounds: log::Bounds, after: Revision) -> Result<(), Fault> {
    if after < bounds.compacted {
        return Err(Error::Compacted { requested: after, oldest: bounds.compacted }.into());
    }
    Ok(())
}

impl Follower {
    async fn next(&mut self) -> Result<WatchBatch> {
        loop {
            if self.delivered < self.feed_after {
                return self.read_log().await;
            }
            let Some(live) = &mut self.live else {
                let (live, feed_after) = self.hub.subscribe()?;
                (self.live, self.feed_after) = (Some(live), feed_after);
                continue;
            };
            match live.recv().await {
                Some(commit) => return Ok(self.take_live(&commit)),
                // It was full and has been read empty: the rest is in the log.
                None => self.live = None,
            }
        }
    }

    fn take_live(&mut self, first: &Commit) -> WatchBatch {
        let mut events = Vec::new();
        self.take(first, &mut events);
        while events.len() < BATCH {
            let Some(Ok(commit)) = self.live.as_mut().map(mpsc::Receiver::try_recv) else { break };
            self.take(&commit, &mut events);
        }
        WatchBatch { events, revision: self.delivered }
    }

    fn take(&mut self, commit: &Commit, events: &mut Vec<Event>) {
        let fresh = |event: &&Event| event.kv.mod_revision > self.delivered && self.range.contains(&event.kv.key);
        events.extend(commit.events.iter().filter(fresh).cloned());
        // A watch may begin after a revision that is still to come.
        self.delivered = self.delivered.max(commit.revision);
    }

    async fn read_log(&mut self) -> Result<WatchBatch> {
        let (range, after, through) = (self.range.clone(), self.delivered, self.feed_after);
        let events = self
            .readers
            .run(move |connection| {
                let snapshot = connection.transaction()?;
                check(log::bounds(&snapshot)?, after)?;
                Ok(log::events(&snapshot, &range, after, through, LOG_PAGE)?)
            })
            .await?;
        let last = events.last().filter(|_| events.len() == LOG_PAGE);
        self.delivered = last.map_or(through, |event| event.kv.mod_revision);
        Ok(WatchBatch { events, revision: self.delivered })
    }
}
