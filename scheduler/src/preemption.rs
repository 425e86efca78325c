//! Makes room for a pod of higher priority: which pods to evict from which node. Pure.
//! Upstream: `pkg/scheduler/framework/preemption/preemption.go`, `plugins/defaultpreemption @ v1.36`.

use std::sync::Arc;

use crate::model::{PodInfo, PodKey};
use crate::plugins::Lineup;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::trial::Trial;

/// A node and the pods that must leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nomination {
    /// Name of the node.
    pub node: Arc<str>,
    /// Pods to evict, highest priority first.
    pub victims: Vec<PodKey>,
}

/// What comes of looking for room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is a node where less important pods can go.
    Nominated(Nomination),
    /// There is none.
    NoVictims,
    /// The pod may not evict others now, for this reason in upstream's words.
    NotEligible(&'static str),
}

/// The pods that would leave a node.
struct Victims {
    pods: Vec<Arc<PodInfo>>,
    /// How many of them a disruption budget protects.
    protected: usize,
}

/// Finds the node where the least important pods would have to go, among `candidates`; `nominated` is the node that was found
/// before.
pub fn nominate(snapshot: &Snapshot, pod: &PodInfo, nominated: Option<&str>, candidates: &[NodeIndex]) -> Outcome {
    if !pod.may_preempt {
        return Outcome::NotEligible("not eligible due to preemptionPolicy=Never.");
    }
    let before = nominated.and_then(|name| snapshot.position(name)).and_then(|index| snapshot.node(index));
    if before.is_some_and(|node| node.pods.iter().any(|p| p.terminating && p.priority < pod.priority)) {
        return Outcome::NotEligible("not eligible due to a terminating pod on the nominated node.");
    }
    let Ok(lineup) = Lineup::new(snapshot, pod) else { return Outcome::NoVictims };
    let options = candidates.iter().filter_map(|index| {
        let node = snapshot.node(*index)?;
        let victims = victims(snapshot, &lineup, pod, &node)?;
        Some((node.info.name.clone(), victims))
    });
    // Least harm first: budgets broken, the highest priority lost, the sum of priorities, the number of pods
    // (pickOneNodeForPreemption).
    let best = options.min_by_key(|(name, Victims { pods, protected })| {
        let highest = pods.iter().map(|v| v.priority).max().unwrap_or(i32::MIN);
        let sum: i64 = pods.iter().map(|v| i64::from(v.priority) - i64::from(i32::MIN)).sum();
        (*protected, highest, sum, pods.len(), name.clone())
    });
    let Some((node, Victims { mut pods, .. })) = best else { return Outcome::NoVictims };
    pods.sort_by_key(importance);
    Outcome::Nominated(Nomination { node, victims: pods.into_iter().map(|v| v.key.clone()).collect() })
}

/// More important pods come first: those of higher priority, then the older ones.
fn importance(pod: &Arc<PodInfo>) -> (std::cmp::Reverse<i32>, jiff::Timestamp) {
    (std::cmp::Reverse(pod.priority), pod.created)
}

/// The fewest lower pods whose leaving lets `pod` in: all of them leave, then they come back while there is room, those that a
/// disruption budget protects first, the more important ones before others.
fn victims(snapshot: &Snapshot, lineup: &Lineup<'_>, pod: &PodInfo, node: &NodeView<'_>) -> Option<Victims> {
    let (mut lower, staying): (Vec<_>, Vec<_>) = node.pods.iter().cloned().partition(|p| p.priority < pod.priority);
    let expected = snapshot.expected(&node.info.name, pod);
    let mut trial = Trial::new(node.info, staying.into_iter().chain(expected));
    let takes = |trial: &Trial<'_>| {
        let view = trial.view();
        if !lineup.looks_around() {
            return lineup.rejection(&view).is_none();
        }
        let then = snapshot.replacing(node, view.pods);
        Lineup::new(&then, pod).is_ok_and(|lineup| lineup.rejection(&view).is_none())
    };
    if lower.is_empty() || !takes(&trial) {
        return None;
    }
    lower.sort_by_key(importance);
    let (protected, free) = by_budget(snapshot, lower);
    let mut victims = Victims { pods: Vec::new(), protected: 0 };
    let candidates = protected.into_iter().map(|pod| (pod, 1)).chain(free.into_iter().map(|pod| (pod, 0)));
    for (candidate, broken) in candidates {
        trial.add(candidate.clone());
        if !takes(&trial) {
            trial.remove_last();
            victims.pods.push(candidate);
            victims.protected += broken;
        }
    }
    (!victims.pods.is_empty()).then_some(victims)
}

/// Splits pods, in order of importance, into those whose going a budget does not allow and the others.
fn by_budget(snapshot: &Snapshot, pods: Vec<Arc<PodInfo>>) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let mut left: Vec<_> =
        snapshot.around().budgets.iter().map(|(name, budget)| (&name.0, budget, budget.allowed)).collect();
    pods.into_iter().partition(|pod| {
        let mut broken = false;
        for (_, _, allowed) in
            left.iter_mut().filter(|(namespace, budget, _)| **namespace == pod.key.namespace && budget.protects(pod))
        {
            *allowed -= 1;
            broken |= *allowed < 0;
        }
        broken
    })
}
