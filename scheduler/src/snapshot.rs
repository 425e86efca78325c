//! The picture of the cluster that one cycle looks at, in struct-of-arrays form: a filter that reads one fact of every node touches
//! one dense array. Index `i` in every array is the same node.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{HostPort, NodeInfo, PodInfo, PodKey, Resources, Surroundings};

/// Position of a node in the arrays; valid until the next removal of a node.
pub type NodeIndex = usize;

/// Nodes and what is used on them.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    index: HashMap<Arc<str>, NodeIndex>,
    nodes: Vec<Arc<NodeInfo>>,
    requested: Vec<Resources>,
    scored: Vec<Resources>,
    pods: Vec<Vec<Arc<PodInfo>>>,
    ports: Vec<Vec<HostPort>>,
    /// How many pods say something about pods near them.
    with_terms: usize,
    /// Pods that wait for room which is being made for them, by node.
    nominated: HashMap<Arc<str>, Vec<Arc<PodInfo>>>,
    around: Arc<Surroundings>,
}

/// One node of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct NodeView<'a> {
    /// Facts of the node itself.
    pub info: &'a NodeInfo,
    /// What its pods ask for together.
    pub requested: &'a Resources,
    /// The same as scoring counts it.
    pub scored: &'a Resources,
    /// Its pods.
    pub pods: &'a [Arc<PodInfo>],
    /// Ports its pods take.
    pub ports: &'a [HostPort],
}

impl Snapshot {
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node at `index`.
    pub fn node(&self, index: NodeIndex) -> Option<NodeView<'_>> {
        Some(NodeView {
            info: self.nodes.get(index)?,
            requested: self.requested.get(index)?,
            scored: self.scored.get(index)?,
            pods: self.pods.get(index)?,
            ports: self.ports.get(index)?,
        })
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        (0..self.len()).filter_map(|index| self.node(index))
    }

    /// Whether a pod on some node says something about pods near it.
    pub fn has_terms(&self) -> bool {
        self.with_terms > 0
    }

    /// Namespaces, volumes and disruption budgets.
    pub fn around(&self) -> &Surroundings {
        &self.around
    }

    /// The same, to be changed.
    pub fn around_mut(&mut self) -> &mut Surroundings {
        Arc::make_mut(&mut self.around)
    }

    /// The pods at least as important as `pod` for which room is being made on a node.
    pub fn expected(&self, node: &str, pod: &PodInfo) -> Vec<Arc<PodInfo>> {
        let nominated = self.nominated.get(node).into_iter().flatten();
        nominated.filter(|other| other.priority >= pod.priority && other.key != pod.key).cloned().collect()
    }

    /// Remembers that room is being made for a pod on a node.
    pub fn nominate(&mut self, node: Arc<str>, pod: Arc<PodInfo>) {
        self.nominated.entry(node).or_default().push(pod);
    }

    /// Forgets that room is being made for a pod.
    pub fn withdraw(&mut self, node: &str, key: &PodKey) {
        if let Some(pods) = self.nominated.get_mut(node) {
            pods.retain(|pod| pod.key != *key);
            if pods.is_empty() {
                self.nominated.remove(node);
            }
        }
    }

    /// The same cluster with other pods on one node.
    pub fn replacing(&self, node: &NodeView<'_>, pods: &[Arc<PodInfo>]) -> Self {
        let mut other = self.clone();
        for pod in node.pods {
            other.remove_pod(&node.info.name, &pod.key);
        }
        for pod in pods {
            other.add_pod(&node.info.name, pod.clone());
        }
        other
    }

    /// Where the node with this name stands.
    pub fn position(&self, name: &str) -> Option<NodeIndex> {
        self.index.get(name).copied()
    }

    /// Adds a node or replaces its facts; its pods stay.
    pub fn apply_node(&mut self, node: NodeInfo) {
        let node = Arc::new(node);
        match self.position(&node.name).and_then(|i| self.nodes.get_mut(i)) {
            Some(slot) => *slot = node,
            None => {
                self.index.insert(node.name.clone(), self.nodes.len());
                self.nodes.push(node);
                self.requested.push(Resources::default());
                self.scored.push(Resources::default());
                self.pods.push(Vec::new());
                self.ports.push(Vec::new());
            }
        }
    }

    /// Removes a node; the last one takes its place.
    pub fn delete_node(&mut self, name: &str) -> Vec<Arc<PodInfo>> {
        let Some(at) = self.index.remove(name) else { return Vec::new() };
        self.nodes.swap_remove(at);
        self.requested.swap_remove(at);
        self.scored.swap_remove(at);
        self.ports.swap_remove(at);
        let pods = self.pods.swap_remove(at);
        self.with_terms -= pods.iter().filter(|pod| !pod.terms.is_empty()).count();
        if let Some(moved) = self.nodes.get(at) {
            self.index.insert(moved.name.clone(), at);
        }
        pods
    }

    /// Counts a pod on a node. Without that node nothing happens and `false` comes back.
    pub fn add_pod(&mut self, node: &str, pod: Arc<PodInfo>) -> bool {
        let Some(at) = self.position(node) else { return false };
        if let (Some(requested), Some(scored), Some(ports), Some(pods)) =
            (self.requested.get_mut(at), self.scored.get_mut(at), self.ports.get_mut(at), self.pods.get_mut(at))
        {
            requested.add(&pod.requests);
            scored.add(&pod.scored);
            ports.extend(pod.ports.iter().cloned());
            self.with_terms += usize::from(!pod.terms.is_empty());
            pods.push(pod);
        }
        true
    }

    /// Forgets a pod on a node.
    pub fn remove_pod(&mut self, node: &str, key: &PodKey) {
        let Some(at) = self.position(node) else { return };
        if let (Some(requested), Some(scored), Some(ports), Some(pods)) =
            (self.requested.get_mut(at), self.scored.get_mut(at), self.ports.get_mut(at), self.pods.get_mut(at))
            && let Some(slot) = pods.iter().position(|p| p.key == *key)
        {
            let pod = pods.swap_remove(slot);
            self.with_terms -= usize::from(!pod.terms.is_empty());
            requested.subtract(&pod.requests);
            scored.subtract(&pod.scored);
            for port in &pod.ports {
                if let Some(taken) = ports.iter().position(|p| p == port) {
                    ports.swap_remove(taken);
                }
            }
        }
    }
}
