//! Holds a pod that names its node to that node.

use super::plugin::{Plugin, Rejection};
use crate::model::PodInfo;
use crate::snapshot::NodeView;

/// `NodeName`.
pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn concerns(&self, pod: &PodInfo) -> bool {
        pod.node.is_some()
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        let other = pod.node.as_ref().is_some_and(|name| *name != node.info.name);
        other.then(|| Rejection::fixed("node(s) didn't match the requested node name"))
    }
}
