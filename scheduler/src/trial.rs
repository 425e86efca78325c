//! A node as it would be with other pods on it. Pure.

use std::sync::Arc;

use crate::model::{HostPort, NodeInfo, PodInfo, Resources};
use crate::snapshot::NodeView;

/// What the pods of one node use, recomputed as pods are put on it and taken off again.
pub struct Trial<'a> {
    info: &'a NodeInfo,
    requested: Resources,
    scored: Resources,
    pods: Vec<Arc<PodInfo>>,
    ports: Vec<HostPort>,
}

impl<'a> Trial<'a> {
    /// A node with these pods and no others.
    pub fn new(info: &'a NodeInfo, pods: impl IntoIterator<Item = Arc<PodInfo>>) -> Self {
        let (requested, scored) = (Resources::default(), Resources::default());
        let mut trial = Self { info, requested, scored, pods: Vec::new(), ports: Vec::new() };
        pods.into_iter().for_each(|pod| trial.add(pod));
        trial
    }

    /// Puts a pod on it.
    pub fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.scored.add(&pod.scored);
        self.ports.extend(pod.ports.iter().cloned());
        self.pods.push(pod);
    }

    /// Takes the pod off again that was put on it last.
    pub fn remove_last(&mut self) {
        if let Some(pod) = self.pods.pop() {
            self.requested.subtract(&pod.requests);
            self.scored.subtract(&pod.scored);
            self.ports.truncate(self.ports.len().saturating_sub(pod.ports.len()));
        }
    }

    /// The node as it is then.
    pub fn view(&self) -> NodeView<'_> {
        let Self { info, requested, scored, pods, ports } = self;
        NodeView { info, requested, scored, pods, ports }
    }
}
