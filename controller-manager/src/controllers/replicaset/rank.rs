//! Which pods are deleted first. Pure.
//!
//! Follows pkg/controller/controller_utils.go: ActivePodsWithRanks @ v1.36. Times are compared by the logarithm of
//! the age, so that pods of about the same age are equal; where upstream then compares uids at once and the order
//! is not transitive, this one compares the remaining criteria first.

use std::cmp::Reverse;
use std::collections::HashMap;

use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::controllers::shared::pods;

/// The annotation with which a user says how costly the loss of a pod is.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What decides about a pod, the first to be deleted smallest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    assigned: bool,
    phase: u8,
    ready: bool,
    cost: i32,
    crowded: Reverse<usize>,
    ready_age: i32,
    restarts: Reverse<i32>,
    age: i32,
    uid: String,
}

/// Says how many related pods run on each node.
pub fn count_by_node<'a>(related: impl IntoIterator<Item = &'a Pod>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for pod in related.into_iter().filter(|pod| pods::is_active(pod)) {
        let node = pods::node_name(pod).unwrap_or_default();
        *counts.entry(node.to_owned()).or_default() += 1;
    }
    counts
}

/// Ranks `pod` at the instant `now`; `by_node` counts the related pods of each node.
pub fn rank(pod: &Pod, by_node: &HashMap<String, usize>, now: Timestamp) -> Rank {
    let node = pods::node_name(pod);
    Rank {
        assigned: node.is_some(),
        phase: match pods::phase(pod) {
            "Pending" => 0,
            "Unknown" => 1,
            _ => 2,
        },
        ready: pods::is_ready(pod),
        cost: pod.annotations().get(DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or_default(),
        crowded: Reverse(by_node.get(node.unwrap_or_default()).copied().unwrap_or_default()),
        ready_age: if pods::is_ready(pod) { log_age(pods::ready_since(pod), now) } else { 0 },
        restarts: Reverse(restarts(pod)),
        age: log_age(pod.metadata.creation_timestamp.as_ref().map(|time| time.0), now),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|status| status.restart_count).max().unwrap_or_default()
}

/// Returns the binary logarithm of the age; -1 for none.
fn log_age(since: Option<Timestamp>, now: Timestamp) -> i32 {
    let age = since.map_or(0, |since| now.as_nanosecond() - since.as_nanosecond());
    u128::try_from(age).ok().and_then(u128::checked_ilog2).and_then(|log| i32::try_from(log).ok()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ContainerStatus;
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::{at, pod};

    fn order(pods: &[Pod]) -> Vec<String> {
        let by_node = count_by_node(pods);
        let mut sorted: Vec<&Pod> = pods.iter().collect();
        sorted.sort_by_cached_key(|pod| rank(pod, &by_node, at(100_000)));
        sorted.iter().map(|pod| pod.name_any()).collect()
    }

    #[test]
    fn the_least_useful_goes_first() {
        let mut costly = pod("costly", "Running", Some("a"), 0, Some(0));
        costly.annotations_mut().insert(DELETION_COST.to_owned(), "10".to_owned());
        let mut restarted = pod("restarted", "Running", Some("b"), 0, Some(0));
        let status = restarted.status.as_mut().unwrap();
        status.container_statuses = Some(vec![ContainerStatus { restart_count: 3, ..ContainerStatus::default() }]);
        let pods = [
            costly,
            pod("old", "Running", Some("b"), 0, Some(0)),
            restarted,
            pod("young", "Running", Some("b"), 99_000, Some(99_000)),
            pod("crowd", "Running", Some("a"), 0, Some(0)),
            pod("crowd2", "Running", Some("a"), 0, Some(0)),
            pod("unready", "Running", Some("b"), 0, None),
            pod("unknown", "Unknown", Some("b"), 0, None),
            pod("pending", "Pending", Some("b"), 0, None),
            pod("unassigned", "Pending", None, 0, None),
        ];
        let expected =
            ["unassigned", "pending", "unknown", "unready", "young", "restarted", "old", "crowd", "crowd2", "costly"];
        assert_eq!(order(&pods), expected);
    }

    proptest! {
        #[test]
        fn a_ready_pod_outlives_an_unready_one_of_the_same_phase(
            pods in prop::collection::vec((any::<bool>(), 0..3_u8, 0..90_000_i64), 2..40),
        ) {
            let made: Vec<Pod> = pods.iter().enumerate().map(|(n, (ready, node, created))| {
                pod(&format!("p{n}"), "Running", Some(&node.to_string()), *created, ready.then_some(*created))
            }).collect();
            let ready: HashMap<String, bool> =
                made.iter().map(|pod| (pod.name_any(), pods::is_ready(pod))).collect();
            let flags: Vec<bool> = order(&made).iter().map(|name| ready[name]).collect();
            prop_assert!(flags.is_sorted(), "{flags:?}");
        }
    }
}
