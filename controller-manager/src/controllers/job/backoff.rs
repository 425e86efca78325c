//! How long to wait after failures before pods are created again. Pure.
//!
//! Follows pkg/controller/job/backoff_utils.go @ v1.36.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::controllers::shared::pods;

/// The wait after one failure.
const INITIAL: Duration = Duration::from_secs(10);
/// The longest wait.
const MAXIMUM: Duration = Duration::from_secs(600);

/// The failures of a job since its last success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    failures: u32,
    last: Option<Timestamp>,
}

impl Record {
    /// The record of an index whose last pod was its `failures`th to fail.
    pub fn of(failures: i32, last: &Pod, now: Timestamp) -> Self {
        Self { failures: u32::try_from(failures).unwrap_or_default(), last: Some(ended(last, now)) }
    }

    /// Adds pods that have ended, in the order of their ends.
    pub fn with(mut self, succeeded: &[Arc<Pod>], failed: &[Arc<Pod>], now: Timestamp) -> Self {
        let good = succeeded.iter().map(|pod| (ended(pod, now), true));
        let mut ends: Vec<_> = good.chain(failed.iter().map(|pod| (ended(pod, now), false))).collect();
        ends.sort();
        for (at, good) in ends {
            self =
                if good { Self::default() } else { Self { failures: self.failures.saturating_add(1), last: Some(at) } };
        }
        self
    }

    /// Returns how long no pod may be created.
    pub fn wait(&self, now: Timestamp) -> Duration {
        let Some(last) = self.last.filter(|_| self.failures > 0) else { return Duration::ZERO };
        let factor = 2_u32.saturating_pow(self.failures - 1);
        let wait = INITIAL.saturating_mul(factor).min(MAXIMUM);
        let due = last.saturating_add(SignedDuration::try_from(wait).unwrap_or_default()).unwrap_or(now);
        Duration::try_from(due.duration_since(now)).unwrap_or_default()
    }
}

/// Returns when a pod ended, as far as it tells.
fn ended(pod: &Pod, now: Timestamp) -> Timestamp {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let ends = statuses
        .into_iter()
        .flatten()
        .filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(|time| time.0));
    let unready = || pods::condition(pod, "Ready")?.last_transition_time.as_ref().map(|time| time.0);
    let deleted = || pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    // Not later than it was made: a wait that began anew at every look would never end.
    let made = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    ends.max().or_else(deleted).or_else(unready).or_else(made).unwrap_or(now).min(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::shared::testing::{at, pod};

    #[test]
    fn waits_double_and_a_success_ends_them() {
        let failed = |second| Arc::new(pod("p", "Failed", None, 0, Some(second)));
        let mut record = Record::default();
        assert_eq!(record.wait(at(0)), Duration::ZERO);
        for (second, expected) in [(100, 10), (200, 20), (300, 40)] {
            record = record.with(&[], &[failed(second)], at(1000));
            assert_eq!(record.wait(at(second)), Duration::from_secs(expected));
        }
        assert_eq!(record.wait(at(330)), Duration::from_secs(10));
        assert_eq!(record.wait(at(400)), Duration::ZERO);
        assert_eq!(record.with(&[failed(500)], &[failed(450)], at(1000)).wait(at(500)), Duration::ZERO);
        let many = (0..99).fold(record, |record, n| record.with(&[], &[failed(400 + n)], at(1000)));
        assert_eq!(many.wait(at(498)), MAXIMUM);
    }
}
