//! What the scheduler believes about the cluster: what the watches said plus the pods it has assumed onto nodes and not yet seen there.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{NodeInfo, PodInfo, PodKey, Surroundings};
use crate::snapshot::Snapshot;

/// The live picture. A cycle reads [`Cache::snapshot`] under the same lock that changes take, so nothing is copied.
#[derive(Debug, Default)]
pub struct Cache {
    snapshot: Snapshot,
    placed: HashMap<PodKey, Placed>,
    nominated: HashMap<PodKey, Arc<str>>,
}

#[derive(Debug)]
struct Placed {
    node: Arc<str>,
    pod: Arc<PodInfo>,
    assumed: bool,
}

impl Cache {
    /// The picture as it stands.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes over a node's facts, and the pods that were seen on it before it was known.
    pub fn apply_node(&mut self, node: NodeInfo) {
        let (name, is_new) = (node.name.clone(), self.snapshot.position(&node.name).is_none());
        self.snapshot.apply_node(node);
        if is_new {
            for placed in self.placed.values().filter(|p| p.node == name) {
                self.snapshot.add_pod(&name, placed.pod.clone());
            }
        }
    }

    /// What decisions depend on beside nodes and pods.
    pub fn around_mut(&mut self) -> &mut Surroundings {
        self.snapshot.around_mut()
    }

    /// Keeps room on a node for a pod, until it is placed or gone.
    pub fn nominate(&mut self, pod: Arc<PodInfo>, node: Arc<str>) {
        self.withdraw(&pod.key);
        self.nominated.insert(pod.key.clone(), node.clone());
        self.snapshot.nominate(node, pod);
    }

    /// Gives up the room that is kept for a pod.
    pub fn withdraw(&mut self, key: &PodKey) {
        if let Some(node) = self.nominated.remove(key) {
            self.snapshot.withdraw(&node, key);
        }
    }

    /// The node on which room is kept for a pod.
    pub fn nominated(&self, key: &PodKey) -> Option<&Arc<str>> {
        self.nominated.get(key)
    }

    /// Forgets a node; its pods are remembered in case it comes back.
    pub fn delete_node(&mut self, name: &str) {
        self.snapshot.delete_node(name);
    }

    /// Takes over a pod that the API shows on a node; confirms it if it was assumed.
    pub fn apply_pod(&mut self, pod: PodInfo) {
        let Some(node) = pod.node.clone() else { return };
        self.delete_pod(&pod.key);
        self.place(node, Arc::new(pod), false);
    }

    /// Forgets a pod that is gone or has ended.
    pub fn delete_pod(&mut self, key: &PodKey) {
        self.withdraw(key);
        if let Some(placed) = self.placed.remove(key) {
            self.snapshot.remove_pod(&placed.node, key);
        }
    }

    /// Counts a pod on a node before its binding is acknowledged.
    pub fn assume(&mut self, pod: Arc<PodInfo>, node: Arc<str>) {
        self.delete_pod(&pod.key);
        self.place(node, pod, true);
    }

    /// Takes an assumption back after its binding failed. A pod confirmed since then stays.
    pub fn forget(&mut self, key: &PodKey) {
        if self.placed.get(key).is_some_and(|p| p.assumed) {
            self.delete_pod(key);
        }
    }

    /// Whether the pod is on a node or assumed onto one.
    pub fn is_placed(&self, key: &PodKey) -> bool {
        self.placed.contains_key(key)
    }

    fn place(&mut self, node: Arc<str>, pod: Arc<PodInfo>, assumed: bool) {
        self.snapshot.add_pod(&node, pod.clone());
        self.placed.insert(pod.key.clone(), Placed { node, pod, assumed });
    }
}
