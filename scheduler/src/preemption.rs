//! Makes room for a pod of higher priority: which pods to evict from which node. Pure.
//! Upstream: `pkg/scheduler/framework/preemption/preemption.go`, without disruption budgets.

use std::sync::Arc;

use crate::cycle::first_rejection;
use crate::model::{HostPort, NodeInfo, PodInfo, PodKey, Resources};
use crate::plugins::{PLUGINS, Plugin};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};

/// A node and the pods that must leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nomination {
    /// Name of the node.
    pub node: Arc<str>,
    /// Pods to evict, highest priority first. Empty when room is being made already.
    pub victims: Vec<PodKey>,
}

/// What the pods of one node use, recomputed as pods are taken off it and put back.
struct Trial<'a> {
    info: &'a NodeInfo,
    requested: Resources,
    scored: Resources,
    pods: Vec<Arc<PodInfo>>,
    ports: Vec<HostPort>,
}

impl<'a> Trial<'a> {
    fn new(info: &'a NodeInfo, pods: impl IntoIterator<Item = Arc<PodInfo>>) -> Self {
        let (requested, scored) = (Resources::default(), Resources::default());
        let mut trial = Self { info, requested, scored, pods: Vec::new(), ports: Vec::new() };
        pods.into_iter().for_each(|pod| trial.add(pod));
        trial
    }

    fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.scored.add(&pod.scored);
        self.ports.extend(pod.ports.iter().cloned());
        self.pods.push(pod);
    }

    fn remove_last(&mut self) {
        if let Some(pod) = self.pods.pop() {
            self.requested.subtract(&pod.requests);
            self.scored.subtract(&pod.scored);
            self.ports.truncate(self.ports.len().saturating_sub(pod.ports.len()));
        }
    }

    fn takes(&self, plugins: &[&dyn Plugin], pod: &PodInfo) -> bool {
        let Self { info, requested, scored, pods, ports } = self;
        first_rejection(plugins, pod, &NodeView { info, requested, scored, pods, ports }).is_none()
    }
}

/// Finds the node where the least important pods would have to go, among `candidates`.
pub fn nominate(snapshot: &Snapshot, pod: &PodInfo, candidates: &[NodeIndex]) -> Option<Nomination> {
    if !pod.may_preempt {
        return None;
    }
    let plugins: Vec<&dyn Plugin> = PLUGINS.iter().copied().filter(|p| p.concerns(pod)).collect();
    let options = candidates.iter().filter_map(|index| {
        let node = snapshot.node(*index)?;
        let victims = victims(&plugins, pod, &node)?;
        Some((node.info.name.clone(), victims))
    });
    // Least harm first: the highest priority lost, the sum of priorities, the number of pods (pickOneNodeForPreemption).
    let (node, victims) = options.min_by_key(|(name, victims)| {
        let highest = victims.iter().map(|v| v.priority).max().unwrap_or(i32::MIN);
        let sum: i64 = victims.iter().map(|v| i64::from(v.priority) - i64::from(i32::MIN)).sum();
        (highest, sum, victims.len(), name.clone())
    })?;
    Some(Nomination { node, victims: victims.into_iter().map(|v| v.key.clone()).collect() })
}

/// The fewest lower pods whose leaving lets `pod` in: all of them leave, then the most important come back while there is room.
fn victims(plugins: &[&dyn Plugin], pod: &PodInfo, node: &NodeView<'_>) -> Option<Vec<Arc<PodInfo>>> {
    let (mut lower, staying): (Vec<_>, Vec<_>) = node.pods.iter().cloned().partition(|p| p.priority < pod.priority);
    let mut trial = Trial::new(node.info, staying);
    if lower.is_empty() || !trial.takes(plugins, pod) {
        return None;
    }
    lower.sort_by_key(|p| (std::cmp::Reverse(p.priority), p.created));
    let mut victims = Vec::new();
    for candidate in lower {
        trial.add(candidate.clone());
        if !trial.takes(plugins, pod) {
            trial.remove_last();
            victims.push(candidate);
        }
    }
    (!victims.is_empty()).then_some(victims)
}
