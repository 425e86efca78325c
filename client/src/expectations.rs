//! What a controller has asked for and not yet seen in its informers.
//!
//! Keeps a controller from acting twice on a stale cache. Follows pkg/controller/controller_utils.go:
//! UIDTrackingControllerExpectations @ v1.36: creations are counted, deletions tracked by name.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::NamespacedName;

/// After this long an expectation no longer holds a controller back.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The expectations of one controller, by the key of the owning object.
#[derive(Debug, Default)]
pub struct Expectations(Mutex<HashMap<NamespacedName, Expected>>);

#[derive(Debug)]
struct Expected {
    creations: i64,
    deletions: HashSet<NamespacedName>,
    since: Instant,
}

impl Expectations {
    /// Makes an empty set, in which everything is satisfied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects `count` creations from now on, and forgets what was expected before.
    pub fn expect_creations(&self, owner: &NamespacedName, count: usize) {
        self.expect(owner, count, []);
    }

    /// Expects the deletion of each of `children` from now on, and forgets what was expected before.
    pub fn expect_deletions(&self, owner: &NamespacedName, children: impl IntoIterator<Item = NamespacedName>) {
        self.expect(owner, 0, children);
    }

    /// Expects both from now on, and forgets what was expected before.
    pub fn expect(&self, owner: &NamespacedName, count: usize, children: impl IntoIterator<Item = NamespacedName>) {
        let creations = i64::try_from(count).unwrap_or(i64::MAX);
        let expected = Expected { creations, deletions: children.into_iter().collect(), since: Instant::now() };
        self.0.lock().insert(owner.clone(), expected);
    }

    /// Notes that a creation was seen, or failed and will not be seen.
    pub fn creation_observed(&self, owner: &NamespacedName) {
        if let Some(expected) = self.0.lock().get_mut(owner) {
            expected.creations -= 1;
        }
    }

    /// Notes that the deletion of `child` was seen, or failed and will not be seen.
    pub fn deletion_observed(&self, owner: &NamespacedName, child: &NamespacedName) {
        if let Some(expected) = self.0.lock().get_mut(owner) {
            expected.deletions.remove(child);
        }
    }

    /// Says whether everything expected was seen, nothing was expected, or it is over five minutes ago.
    #[must_use]
    pub fn satisfied(&self, owner: &NamespacedName) -> bool {
        self.0.lock().get(owner).is_none_or(|expected| {
            (expected.creations <= 0 && expected.deletions.is_empty()) || expected.since.elapsed() > TIMEOUT
        })
    }

    /// Forgets an owner that is gone.
    pub fn forget(&self, owner: &NamespacedName) {
        self.0.lock().remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn are_satisfied_when_seen_or_expired() {
        let (set, owner) = (Expectations::new(), NamespacedName::new("ns", "rs"));
        assert!(set.satisfied(&owner));
        set.expect_creations(&owner, 2);
        set.creation_observed(&owner);
        assert!(!set.satisfied(&owner));
        set.creation_observed(&owner);
        assert!(set.satisfied(&owner));

        let (one, two) = (NamespacedName::new("ns", "1"), NamespacedName::new("ns", "2"));
        set.expect_deletions(&owner, [one.clone(), two]);
        set.deletion_observed(&owner, &one);
        set.deletion_observed(&owner, &one);
        assert!(!set.satisfied(&owner));
        tokio::time::advance(TIMEOUT + Duration::from_secs(1)).await;
        assert!(set.satisfied(&owner));
        set.expect(&owner, 1, [one.clone()]);
        set.deletion_observed(&owner, &one);
        assert!(!set.satisfied(&owner));
        set.forget(&owner);
        assert!(set.satisfied(&owner));
    }
}
