use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use corvette_store::Revision;
use tokio::time::Instant;

use super::event::Change;

/// How long a change is kept (upstream's `eventFreshDuration`).
const FRESH: Duration = Duration::from_secs(75);

/// The most recent changes of a resource, in order of revision.
#[derive(Debug)]
pub(super) struct History {
    /// All changes after this revision are here.
    from: Revision,
    changes: VecDeque<(Instant, Arc<Change>)>,
    bytes: usize,
    limits: Limits,
}

/// How much history a resource keeps. What is older comes from the store's log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub changes: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: 4096, bytes: 8 * 1024 * 1024 }
    }
}

impl History {
    pub(super) fn new(from: Revision, limits: Limits) -> Self {
        Self { from, changes: VecDeque::new(), bytes: 0, limits }
    }

    pub(super) fn push(&mut self, change: Arc<Change>) {
        self.bytes += change.entry.len();
        self.changes.push_back((Instant::now(), change));
        while self.changes.len() > self.limits.changes || self.bytes > self.limits.bytes {
            self.forget_oldest();
        }
    }

    /// Forgets what is no longer fresh.
    pub(super) fn forget_old(&mut self) {
        let now = Instant::now();
        while self.changes.front().is_some_and(|(came, _)| now.duration_since(*came) > FRESH) {
            self.forget_oldest();
        }
        // The memory of a burst is not kept for the next one.
        self.changes.shrink_to(self.changes.len() * 2);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.changes.pop_front() {
            self.bytes -= oldest.entry.len();
            self.from = oldest.revision();
        }
    }

    /// Returns the changes after `after`; `None` when some are forgotten.
    pub(super) fn after(&self, after: Revision) -> Option<impl Iterator<Item = &Arc<Change>>> {
        if after < self.from {
            return None;
        }
        let first = self.changes.partition_point(|(_, change)| change.revision() <= after);
        Some(self.changes.range(first..).map(|(_, change)| change))
    }

    /// Returns the revision after which all changes are known.
    pub(super) fn from(&self) -> Revision {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use corvette_store::KeyValue;

    use super::*;
    use crate::cacher::entry::Entry;
    use crate::cacher::event::EventType;
    use crate::cacher::spec::ResourceSpec;

    fn change(revision: u64) -> Arc<Change> {
        let spec = ResourceSpec { prefix: "/r/".into(), api_version: "v1".into(), kind: "X".into(), extract: None };
        let kv = KeyValue {
            key: "/r/a".into(),
            value: r#"{"metadata":{}}"#.into(),
            create_revision: Revision(1),
            mod_revision: Revision(revision),
        };
        Arc::new(Change::new(Arc::new(Entry::of(&spec, &kv, EventType::Added)), None, false))
    }

    fn after(history: &History, after: u64) -> Option<Vec<u64>> {
        history.after(Revision(after)).map(|changes| changes.map(|change| change.revision().0).collect())
    }

    #[test]
    fn keeps_what_fits_and_knows_what_it_forgot() {
        let mut history = History::new(Revision(10), Limits { changes: 3, bytes: usize::MAX });
        assert_eq!((after(&history, 9), after(&history, 10)), (None, Some(vec![])));
        [11, 14, 15].into_iter().for_each(|revision| history.push(change(revision)));
        assert_eq!(after(&history, 10), Some(vec![11, 14, 15]));
        assert_eq!((after(&history, 12), after(&history, 99)), (Some(vec![14, 15]), Some(vec![])));
        history.push(change(20));
        assert_eq!((after(&history, 10), after(&history, 11)), (None, Some(vec![14, 15, 20])));
        assert_eq!(history.from(), Revision(11));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let one = change(1).entry.len();
        let mut history = History::new(Revision(0), Limits { changes: 100, bytes: one * 2 + 1 });
        (1..=5).for_each(|revision| history.push(change(revision)));
        assert_eq!(after(&history, 3), Some(vec![4, 5]));
        assert_eq!(after(&history, 2), None);
    }

    #[tokio::test(start_paused = true)]
    async fn old_changes_are_forgotten() {
        let mut history = History::new(Revision(0), Limits::default());
        history.push(change(1));
        tokio::time::advance(FRESH).await;
        history.push(change(2));
        history.forget_old();
        assert_eq!(after(&history, 0), Some(vec![1, 2]));
        tokio::time::advance(Duration::from_secs(1)).await;
        history.forget_old();
        assert_eq!((after(&history, 0), after(&history, 1)), (None, Some(vec![2])));
        assert_eq!(history.bytes, change(2).entry.len());
    }
}
