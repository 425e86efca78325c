//! The status that follows from a set's pods. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::kind::Replicated;
use crate::controllers::shared::counts::{number, positive};
use crate::controllers::shared::pods;

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// What went wrong when pods were created or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `FailedCreate` or `FailedDelete`.
    pub reason: &'static str,
    /// The API's message.
    pub message: String,
}

/// Computes the status of `set` from its pods that are active and those that are going away.
pub fn status<K: Replicated>(
    set: &K,
    active: &[Arc<Pod>],
    terminating: usize,
    failure: Option<&Failure>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let count = |matches: &dyn Fn(&Pod) -> bool| active.iter().filter(|pod| matches(pod)).count();
    let old = set.status();
    ReplicaSetStatus {
        replicas: number(active.len()),
        fully_labeled_replicas: positive(count(&|pod| {
            set.template().is_some_and(|template| pods::has_labels_of(pod, template))
        })),
        ready_replicas: positive(count(&pods::is_ready)),
        available_replicas: positive(count(&|pod| pods::is_available(pod, set.min_ready_seconds(), now))),
        terminating_replicas: Some(number(terminating)),
        observed_generation: set.meta().generation,
        conditions: conditions(old.conditions.unwrap_or_default(), failure, now),
    }
}

/// Returns when the next ready pod becomes available; `None` when none is on its way.
pub fn next_available<K: Replicated>(set: &K, active: &[Arc<Pod>], now: Timestamp) -> Option<Duration> {
    let waits = active.iter().filter_map(|pod| pods::until_available(pod, set.min_ready_seconds(), now));
    waits.filter(|wait| !wait.is_zero()).min()
}

fn conditions(
    mut conditions: Vec<ReplicaSetCondition>,
    failure: Option<&Failure>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let known = conditions.iter().any(|condition| condition.type_ == REPLICA_FAILURE);
    match failure {
        Some(failure) if !known => conditions.push(ReplicaSetCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: "True".to_owned(),
            reason: Some(failure.reason.to_owned()),
            message: Some(failure.message.clone()),
            last_transition_time: Some(Time(now)),
        }),
        Some(_) => {}
        None => conditions.retain(|condition| condition.type_ != REPLICA_FAILURE),
    }
    (!conditions.is_empty()).then_some(conditions)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec};

    use super::*;
    use crate::controllers::shared::testing::{at, pod, template};

    fn set(min_ready_seconds: i32) -> ReplicaSet {
        let spec = ReplicaSetSpec {
            min_ready_seconds: Some(min_ready_seconds),
            template: Some(template("x", "i")),
            ..ReplicaSetSpec::default()
        };
        ReplicaSet { spec: Some(spec), ..ReplicaSet::default() }
    }

    #[test]
    fn ready_pods_become_available_after_their_time() {
        let pods = [
            Arc::new(pod("a", "Running", Some("n"), 0, Some(10))),
            Arc::new(pod("b", "Running", Some("n"), 0, Some(18))),
            Arc::new(pod("c", "Running", Some("n"), 0, None)),
        ];
        let status = status(&set(10), &pods, 1, None, at(20));
        assert_eq!((status.replicas, status.ready_replicas, status.available_replicas), (3, Some(2), Some(1)));
        assert_eq!((status.fully_labeled_replicas, status.terminating_replicas), (None, Some(1)));
        assert_eq!(next_available(&set(10), &pods, at(20)), Some(Duration::from_secs(8)));
        assert_eq!(next_available(&set(10), &pods, at(30)), None);
    }

    #[test]
    fn the_failure_condition_stays_until_the_failure_is_over() {
        let failure = Failure { reason: "FailedCreate", message: "quota".to_owned() };
        let failed = status(&set(0), &[], 0, Some(&failure), at(1));
        let again = status(&set(0).with_status(failed.clone()), &[], 0, Some(&failure), at(9));
        assert_eq!(again.conditions, failed.conditions);
        assert_eq!(again.conditions.as_ref().unwrap()[0].reason.as_deref(), Some("FailedCreate"));
        assert_eq!(status(&set(0).with_status(again), &[], 0, None, at(10)).conditions, None);
    }
}
