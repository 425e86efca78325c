//! Fits requests into what nodes have, and prefers the emptier node.

use super::plugin::{ClusterEvent, MAX_NODE_SCORE, Plugin, Rejection};
use crate::model::PodInfo;
use crate::snapshot::NodeView;

/// `NodeResourcesFit` with the `LeastAllocated` strategy.
pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        let (wanted, used, has) = (&pod.requests, node.requested, &node.info.allocatable);
        let mut reasons = Vec::new();
        if i64::try_from(node.pods.len()).unwrap_or(i64::MAX) >= node.info.max_pods {
            reasons.push("Too many pods".into());
        }
        // Whether a resource is lacking that the node would not have without any other pod either.
        let mut hopeless = false;
        let mut lacks = |wanted: i64, used: i64, has: i64| {
            let lacking = wanted > 0 && wanted > has.saturating_sub(used);
            hopeless |= lacking && wanted > has;
            lacking
        };
        if lacks(wanted.milli_cpu, used.milli_cpu, has.milli_cpu) {
            reasons.push("Insufficient cpu".into());
        }
        if lacks(wanted.memory, used.memory, has.memory) {
            reasons.push("Insufficient memory".into());
        }
        if lacks(wanted.ephemeral_storage, used.ephemeral_storage, has.ephemeral_storage) {
            reasons.push("Insufficient ephemeral-storage".into());
        }
        for (name, amount) in &wanted.extended {
            let of = |map: &std::collections::BTreeMap<String, i64>| map.get(name).copied().unwrap_or(0);
            if lacks(*amount, of(&used.extended), of(&has.extended)) {
                reasons.push(format!("Insufficient {name}").into());
            }
        }
        (!reasons.is_empty()).then_some(Rejection { reasons, resolvable: !hopeless })
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score(&self, pod: &PodInfo, node: &NodeView<'_>) -> i64 {
        let has = &node.info.allocatable;
        let free = |used: i64, wanted: i64, has: i64| {
            let after = used.saturating_add(wanted);
            if has == 0 || after > has { 0 } else { (has - after).saturating_mul(MAX_NODE_SCORE) / has }
        };
        let cpu = free(node.scored.milli_cpu, pod.scored.milli_cpu, has.milli_cpu);
        let memory = free(node.scored.memory, pod.scored.memory, has.memory);
        (cpu + memory) / 2
    }

    fn helped_by(&self, event: ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node | ClusterEvent::PodGone)
    }
}
