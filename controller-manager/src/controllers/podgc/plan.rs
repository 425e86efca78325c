//! Which pods to delete. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::controllers::shared::pods;

/// Returns the oldest finished pods beyond `threshold`; none when the threshold is 0.
pub fn surplus(all: &[Arc<Pod>], threshold: usize) -> Vec<Arc<Pod>> {
    if threshold == 0 {
        return Vec::new();
    }
    let mut finished: Vec<_> = all.iter().filter(|pod| pods::is_terminal(pod)).cloned().collect();
    let count = finished.len().saturating_sub(threshold);
    finished.sort_by_key(|pod| (created(pod), pod.metadata.name.clone()));
    finished.truncate(count);
    finished
}

/// Returns the pods that are going away and have no node to see to it.
pub fn unscheduled(all: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
    let lost = |pod: &&Arc<Pod>| pod.metadata.deletion_timestamp.is_some() && pods::node_name(pod).is_none();
    all.iter().filter(lost).cloned().collect()
}

/// Returns the pods bound to nodes that are not among `nodes`.
pub fn orphaned(all: &[Arc<Pod>], nodes: &BTreeSet<String>) -> Vec<Arc<Pod>> {
    all.iter().filter(|pod| pods::node_name(pod).is_some_and(|node| !nodes.contains(node))).cloned().collect()
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use corvette_client::kube::ResourceExt as _;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::{at, pod};

    proptest! {
        #[test]
        fn running_pods_and_the_newest_finished_stay(ages in prop::collection::vec((0..100_i64, any::<bool>()), 0..40), threshold in 1..20_usize) {
            let all: Vec<Arc<Pod>> = ages.iter().enumerate().map(|(n, (created, done))| {
                Arc::new(pod(&format!("p{n}"), if *done { "Succeeded" } else { "Running" }, Some("a"), *created, None))
            }).collect();
            let gone = surplus(&all, threshold);
            let done = ages.iter().filter(|(_, done)| *done).count();
            prop_assert_eq!(gone.len(), done.saturating_sub(threshold));
            prop_assert!(gone.iter().all(|pod| pods::is_terminal(pod)));
            let youngest_gone = gone.iter().map(|pod| created(pod)).max();
            let left = all.iter().filter(|pod| pods::is_terminal(pod) && !gone.iter().any(|g| Arc::ptr_eq(g, pod)));
            prop_assert!(left.map(|pod| created(pod)).min() >= youngest_gone || gone.is_empty());
        }
    }

    #[test]
    fn a_pod_without_a_living_node_is_found() {
        let mut deleted = pod("deleted", "Pending", None, 0, None);
        deleted.metadata.deletion_timestamp = Some(Time(at(5)));
        let all: Vec<Arc<Pod>> = [
            deleted,
            pod("waiting", "Pending", None, 0, None),
            pod("lost", "Running", Some("gone"), 0, None),
            pod("ok", "Running", Some("a"), 0, None),
        ]
        .map(Arc::new)
        .into();
        let names = |pods: Vec<Arc<Pod>>| pods.iter().map(|pod| pod.name_any()).collect::<Vec<_>>();
        assert_eq!(names(unscheduled(&all)), ["deleted"]);
        assert_eq!(names(orphaned(&all, &["a".to_owned()].into())), ["lost"]);
        assert!(surplus(&all, 0).is_empty());
    }
}
