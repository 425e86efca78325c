//! Keeps pods off cordoned nodes.

use super::plugin::{Plugin, Rejection};
use crate::model::{Effect, PodInfo, Taint};
use crate::snapshot::NodeView;

/// `NodeUnschedulable`.
pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        if !node.info.unschedulable {
            return None;
        }
        let cordon = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            value: String::new(),
            effect: Effect::NoSchedule,
        };
        let tolerated = pod.tolerations.iter().any(|t| t.tolerates(&cordon));
        (!tolerated).then(|| Rejection::fixed("node(s) were unschedulable"))
    }
}
