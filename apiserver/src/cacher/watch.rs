use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use corvette_store::Revision;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use rand::RngExt;
use tokio::time::{Instant, Sleep};

use super::error::{Error, Result};
use super::event::{Change, WatchEvent};
use super::filter::WatchFilter;
use super::load;
use super::resource::{Attached, ResourceCache, Subscription};

/// How often a quiet watch is told how far it is (upstream's `bookmarkFrequency`).
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// How long before its end a watch is told once more (upstream's `nextBookmarkTime`).
const BEFORE_END: Duration = Duration::from_secs(2);

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With an `ADDED` for each object there is, then what changes. What resourceVersion unset or "0" ask for.
    Initial {
        /// Whether a bookmark marked `k8s.io/initial-events-end` follows the initial events (`sendInitialEvents`).
        bookmark: bool,
    },
    /// With the first change after this revision.
    After(Revision),
}

/// How to watch.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// Where to begin.
    pub start: Start,
    /// When the watch will end, if it is to send bookmarks: about every minute, and shortly before.
    pub bookmarks: Option<Instant>,
}

impl WatchOptions {
    /// Watches what comes after a revision, without bookmarks.
    #[must_use]
    pub fn after(revision: Revision) -> Self {
        Self { start: Start::After(revision), bookmarks: None }
    }
}

/// A stream of changes: gapless, in order of revision, none twice. It ends with an error, or when its resource is no
/// longer served. Items must be taken; what is not taken is bounded.
pub struct Watch(BoxStream<'static, Result<WatchEvent>>);

impl Watch {
    pub(super) fn new(resource: Arc<ResourceCache>, filter: WatchFilter, options: WatchOptions) -> Self {
        let watcher = Watcher::new(resource, filter, options);
        let stream = futures::stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(watcher))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Self(stream.boxed())
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

/// Where a watch gets its events from.
enum Source {
    /// Nowhere yet, or no more: it was too slow.
    Detached,
    /// The feed.
    Live(Subscription),
    /// The store's log, until the history reaches back far enough.
    Log(corvette_store::Watch),
}

struct Watcher {
    resource: Arc<ResourceCache>,
    filter: Arc<WatchFilter>,
    source: Source,
    pending: VecDeque<WatchEvent>,
    /// Everything up to here was given out or is pending.
    reached: Revision,
    /// When the next bookmark is due, and when the watch ends; `None` for a watch without.
    bookmark: Option<(Pin<Box<Sleep>>, Instant)>,
}

impl Watcher {
    fn new(resource: Arc<ResourceCache>, filter: WatchFilter, options: WatchOptions) -> Self {
        let mut pending = VecDeque::new();
        let reached = match options.start {
            Start::After(revision) => revision,
            Start::Initial { bookmark } => {
                let snapshot = resource.snapshot();
                let prefix = match &filter.namespace {
                    Some(namespace) if !namespace.is_empty() => format!("{}{namespace}/", resource.spec.prefix),
                    _ => resource.spec.prefix.to_string(),
                };
                let wanted = snapshot.range(&prefix, None).filter(|entry| filter.matches(entry));
                pending.extend(wanted.cloned().map(WatchEvent::initial));
                if bookmark {
                    pending.push_back(WatchEvent::bookmark(resource.spec.clone(), snapshot.revision, true));
                }
                snapshot.revision
            }
        };
        let bookmark = options.bookmarks.map(|end| (Box::pin(tokio::time::sleep_until(next_bookmark(end))), end));
        Self { resource, filter: Arc::new(filter), source: Source::Detached, pending, reached, bookmark }
    }

    async fn next(&mut self) -> Result<Option<WatchEvent>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.source {
                Source::Detached => {
                    if !self.attach().await? {
                        return Ok(None);
                    }
                }
                Source::Live(subscription) => {
                    let received = match &mut self.bookmark {
                        None => subscription.events.recv().await,
                        Some((due, _)) => tokio::select! {
                            biased;
                            received = subscription.events.recv() => received,
                            () = due.as_mut() => {
                                self.mark();
                                continue;
                            }
                        },
                    };
                    match received {
                        Some(event) => {
                            self.reached = self.reached.max(event.revision());
                            return Ok(Some(event));
                        }
                        None => self.source = Source::Detached,
                    }
                }
                Source::Log(_) => self.read_log().await?,
            }
        }
    }

    /// Finds a source for what comes next; `false` when there will be nothing more.
    async fn attach(&mut self) -> Result<bool> {
        match self.resource.attach(&self.filter, self.reached) {
            Attached::Closed => return Ok(false),
            Attached::Live { replay, subscription } => {
                if let Some(last) = replay.last() {
                    self.reached = self.reached.max(last.revision());
                }
                self.pending.extend(replay);
                self.source = Source::Live(subscription);
            }
            Attached::Behind => {
                let log = self.resource.store.watch(&self.resource.spec.prefix, self.reached).await?;
                self.source = Source::Log(log);
            }
        }
        Ok(true)
    }

    async fn read_log(&mut self) -> Result<()> {
        let Source::Log(log) = &mut self.source else { return Ok(()) };
        // Where nothing of the resource changed, only this tells that the watch has caught up.
        log.progress().request();
        let Some(batch) = log.next().await else { return Err(Error::Closed) };
        let batch = batch?;
        let changes = load::changes(&self.resource.spec, batch.events).await?;
        for change in changes {
            let change: Arc<Change> = Arc::new(change);
            if let Some(kind) = self.filter.classify(&change) {
                self.pending.push_back(WatchEvent::change(kind, change));
            }
        }
        self.reached = self.reached.max(batch.revision);
        if self.resource.remembers(self.reached) {
            self.source = Source::Detached;
        }
        Ok(())
    }

    /// Tells how far the watch is, if nothing is on its way.
    fn mark(&mut self) {
        if let Some((due, end)) = &mut self.bookmark {
            due.as_mut().reset(next_bookmark(*end));
        }
        let Source::Live(subscription) = &mut self.source else { return };
        // Read first: what was handed out up to here is in the queue by now.
        let reached = self.resource.reached();
        match subscription.events.try_recv() {
            Ok(event) => {
                self.reached = self.reached.max(event.revision());
                self.pending.push_back(event);
            }
            Err(_) => {
                self.reached = self.reached.max(reached);
                self.pending.push_back(WatchEvent::bookmark(self.resource.spec.clone(), self.reached, false));
            }
        }
    }
}

/// When a watch that ends at `end` is told next how far it is: in about a minute, so that not all are at the same moment, or
/// shortly before its end, so that it can go on from there.
fn next_bookmark(end: Instant) -> Instant {
    let now = Instant::now();
    let regular = now + BOOKMARK_PERIOD.mul_f64(rand::rng().random_range(0.9..1.1));
    match end.checked_sub(BEFORE_END) {
        Some(last) if last > now => last.min(regular),
        _ => regular,
    }
}
