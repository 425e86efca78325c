//! Keeps two pods from taking the same port of a node.

use super::plugin::{ClusterEvent, Plugin, Rejection};
use crate::model::PodInfo;
use crate::snapshot::NodeView;

/// `NodePorts`.
pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn concerns(&self, pod: &PodInfo) -> bool {
        !pod.ports.is_empty()
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        let taken = pod.ports.iter().any(|wanted| node.ports.iter().any(|held| wanted.conflicts(held)));
        taken.then(|| Rejection::resolvable(vec!["node(s) didn't have free ports for the requested pod ports".into()]))
    }

    fn helped_by(&self, event: ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node | ClusterEvent::PodGone)
    }
}
