//! Node selector and node affinity.

use super::plugin::{Plugin, Rejection, Reverse, scale_to_highest};
use crate::model::PodInfo;
use crate::snapshot::NodeView;

/// `NodeAffinity`.
pub struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn concerns(&self, pod: &PodInfo) -> bool {
        !pod.node_matcher.is_trivial() || !pod.node_matcher.preferred.is_empty()
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        let matches = pod.node_matcher.matches(&node.info.name, &node.info.labels);
        (!matches).then(|| Rejection::fixed("node(s) didn't match Pod's node affinity/selector"))
    }

    fn weight(&self) -> i64 {
        2
    }

    fn score(&self, pod: &PodInfo, node: &NodeView<'_>) -> i64 {
        let preferred = pod.node_matcher.preferred.iter();
        preferred.filter(|p| p.matches(&node.info.name, &node.info.labels)).map(|p| p.weight).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_to_highest(scores, Reverse::No);
    }
}
