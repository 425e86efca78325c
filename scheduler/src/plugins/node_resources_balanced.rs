//! Prefers nodes on which CPU and memory would be used evenly.

use super::plugin::{MAX_NODE_SCORE, Plugin};
use crate::model::PodInfo;
use crate::snapshot::NodeView;

/// `NodeResourcesBalancedAllocation` (`plugins/noderesources/balanced_allocation.go`, two resources: half the difference of the
/// used fractions is their standard deviation).
pub struct NodeResourcesBalancedAllocation;

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score(&self, pod: &PodInfo, node: &NodeView<'_>) -> i64 {
        let has = &node.info.allocatable;
        let permille = |used: i64, wanted: i64, has: i64| {
            if has == 0 { 1000 } else { (used.saturating_add(wanted).saturating_mul(1000) / has).min(1000) }
        };
        let cpu = permille(node.requested.milli_cpu, pod.requests.milli_cpu, has.milli_cpu);
        let memory = permille(node.requested.memory, pod.requests.memory, has.memory);
        MAX_NODE_SCORE - (cpu - memory).abs() * MAX_NODE_SCORE / 2000
    }
}
