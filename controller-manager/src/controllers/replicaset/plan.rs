//! How many pods to create or which to delete. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::rank;

/// The most pods created or deleted in one reconcile.
pub const BURST: usize = 500;

/// What to do to reach the wanted number.
#[derive(Debug, Clone)]
pub enum Plan {
    /// The number is right.
    Nothing,
    /// Create this many.
    Create(usize),
    /// Delete these, the least useful first.
    Delete(Vec<Arc<Pod>>),
}

/// Compares the wanted number with the active pods; `related` are all pods of sets with the same owner.
pub fn plan(wanted: i32, active: &[Arc<Pod>], related: &[Arc<Pod>], now: Timestamp) -> Plan {
    let wanted = usize::try_from(wanted).unwrap_or_default();
    if active.len() < wanted {
        return Plan::Create((wanted - active.len()).min(BURST));
    }
    let surplus = (active.len() - wanted).min(BURST);
    if surplus == 0 {
        return Plan::Nothing;
    }
    let by_node = rank::count_by_node(related.iter().map(Arc::as_ref));
    let mut pods = active.to_vec();
    if wanted > 0 {
        pods.sort_by_cached_key(|pod| rank::rank(pod, &by_node, now));
    }
    pods.truncate(surplus);
    Plan::Delete(pods)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::pods::is_ready;
    use crate::controllers::shared::testing::{at, pod};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn repeated_plans_reach_the_wanted_number_and_spare_ready_pods(
            wanted in -1..60_i32, ready in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let mut pods: Vec<Arc<Pod>> = ready.iter().enumerate().map(|(n, ready)| {
                Arc::new(pod(&format!("p{n}"), "Running", Some("a"), 0, ready.then_some(5)))
            }).collect();
            let before = pods.iter().filter(|pod| is_ready(pod)).count();
            match plan(wanted, &pods, &pods, at(100)) {
                Plan::Nothing => {}
                Plan::Create(count) => {
                    pods.extend((0..count).map(|n| Arc::new(pod(&format!("new{n}"), "Pending", None, 100, None))));
                }
                Plan::Delete(gone) => pods.retain(|pod| !gone.iter().any(|g| Arc::ptr_eq(g, pod))),
            }
            let target = usize::try_from(wanted).unwrap_or_default();
            prop_assert_eq!(pods.len(), target);
            prop_assert_eq!(pods.iter().filter(|pod| is_ready(pod)).count(), before.min(target));
            prop_assert!(matches!(plan(wanted, &pods, &pods, at(100)), Plan::Nothing));
        }
    }

    #[test]
    fn one_reconcile_is_bounded() {
        assert!(matches!(plan(10_000, &[], &[], at(0)), Plan::Create(BURST)));
    }
}
