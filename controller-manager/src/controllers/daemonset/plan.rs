//! Where to create pods and which to delete. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_api::intstr::Rounding;
use corvette_client::events::EventType;
use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::node::{Eligibility, by_node, eligibility, is_updated, tolerant_spec};
use crate::controllers::shared::counts::{scaled, wanted};
use crate::controllers::shared::pods;

/// The most pods created, and the most deleted, in one reconcile.
pub const BURST: usize = 250;

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The daemon set.
    pub set: Arc<DaemonSet>,
    /// The hash of its template.
    pub hash: String,
    /// What it does on each node.
    pub nodes: BTreeMap<String, Eligibility>,
    /// Its pods by node, the oldest first.
    pub pods: BTreeMap<String, Vec<Arc<Pod>>>,
    /// The nodes whose failed pods must not be replaced yet, and how long.
    pub waiting: BTreeMap<String, Duration>,
    /// The time.
    pub now: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Create a pod on each of these nodes.
    pub create: Vec<String>,
    /// Delete these pods.
    pub delete: Vec<String>,
    /// Tell that a pod has ended.
    pub told: Vec<(EventType, &'static str, String)>,
    /// The nodes whose pods have failed.
    pub failed: Vec<String>,
    /// When a failed pod may be replaced.
    pub again: Option<Duration>,
}

impl Observed {
    /// Makes it from all nodes and the set's pods.
    pub fn new(
        set: Arc<DaemonSet>,
        hash: String,
        nodes: &[Arc<Node>],
        pods: &[Arc<Pod>],
        waiting: BTreeMap<String, Duration>,
        now: Timestamp,
    ) -> Self {
        let spec = tolerant_spec(&set);
        let nodes = nodes.iter().map(|node| (node.name_any(), eligibility(&spec, node))).collect();
        Self { set, hash, nodes, pods: by_node(pods), waiting, now }
    }

    /// Returns the nodes that should have a pod, with the pods they have.
    pub fn wanted(&self) -> impl Iterator<Item = (&String, &[Arc<Pod>])> {
        let run = self.nodes.iter().filter(|(_, found)| **found == Eligibility::Run);
        run.map(|(node, _)| (node, self.pods.get(node).map(Vec::as_slice).unwrap_or_default()))
    }

    fn is_available(&self, pod: &Pod) -> bool {
        pods::is_available(pod, min_ready_seconds(&self.set), self.now)
    }
}

/// Returns how long a pod must be ready to be available, in seconds.
pub fn min_ready_seconds(set: &DaemonSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or_default()
}

/// Plans the next step: first one pod on each node, then the update of pods of another template.
pub fn plan(observed: &Observed) -> Plan {
    let mut plan = manage(observed);
    if plan.create.is_empty() && plan.delete.is_empty() {
        let update = update(observed);
        (plan.create, plan.delete) = (update.create, update.delete);
    }
    plan.create.truncate(BURST);
    plan.delete.truncate(BURST);
    plan
}

/// One pod on each node that should have one, none elsewhere.
fn manage(observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    for (node, found) in &observed.nodes {
        let pods = observed.pods.get(node).map(Vec::as_slice).unwrap_or_default();
        match found {
            Eligibility::Run if pods.is_empty() => plan.create.push(node.clone()),
            Eligibility::Run | Eligibility::Stay => keep(observed, node, pods, &mut plan),
            Eligibility::No => plan.delete.extend(staying(pods).map(|pod| pod.name_any())),
        }
    }
    // A pod that was never bound and whose node is gone waits for nothing.
    let lost = observed.pods.iter().filter(|(node, _)| !observed.nodes.contains_key(*node));
    let unbound = lost.flat_map(|(_, pods)| staying(pods)).filter(|pod| pods::node_name(pod).is_none());
    plan.delete.extend(unbound.map(|pod| pod.name_any()));
    plan
}

fn staying(pods: &[Arc<Pod>]) -> impl Iterator<Item = &Arc<Pod>> {
    pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none())
}

/// Deletes from a node what has ended and what is too many.
fn keep(observed: &Observed, node: &str, pods: &[Arc<Pod>], plan: &mut Plan) {
    let place = |pod: &Pod| format!("{}/{} on node {node}", pod.namespace().unwrap_or_default(), pod.name_any());
    let mut running = Vec::new();
    for pod in staying(pods) {
        match (pods::phase(pod), observed.waiting.get(node)) {
            ("Failed", Some(rest)) => plan.again = Some(plan.again.map_or(*rest, |other| other.min(*rest))),
            ("Failed", None) => {
                let message = format!("Found failed daemon pod {}, will try to kill it", place(pod));
                plan.told.push((EventType::Warning, "FailedDaemonPod", message));
                plan.failed.push(node.to_owned());
                plan.delete.push(pod.name_any());
            }
            ("Succeeded", _) => {
                let message = format!("Found succeeded daemon pod {}, will try to delete it", place(pod));
                plan.told.push((EventType::Normal, "SucceededDaemonPod", message));
                plan.delete.push(pod.name_any());
            }
            _ => running.push(pod),
        }
    }
    if max_surge(observed, 1) == 0 {
        plan.delete.extend(running.iter().skip(1).map(|pod| pod.name_any()));
        return;
    }
    // One of each template may run while they change over.
    let (new, old): (Vec<_>, Vec<_>) =
        running.into_iter().partition(|pod| is_updated(&observed.set, pod, &observed.hash));
    plan.delete.extend(new.iter().skip(1).chain(old.iter().skip(1)).map(|pod| pod.name_any()));
    if let (Some(new), Some(old)) = (new.first(), old.first())
        && (!pods::is_ready(old) || observed.is_available(new))
    {
        plan.delete.push(old.name_any());
    }
}

/// Replaces pods of another template as far as the strategy allows now.
fn update(observed: &Observed) -> Plan {
    if !is_rolling(&observed.set) {
        return Plan::default();
    }
    let desired = i32::try_from(observed.wanted().count()).unwrap_or(i32::MAX);
    let surge = wanted(max_surge(observed, desired));
    if surge > 0 { surging(observed, surge) } else { replacing(observed, wanted(max_unavailable(observed, desired))) }
}

/// The pods of one node that do not go away: of the current template and of another.
struct Pair<'a> {
    new: Option<&'a Arc<Pod>>,
    old: Option<&'a Arc<Pod>>,
}

/// Returns them for each node that has or should have pods; `None` when there are too many of either.
fn pairs(observed: &Observed) -> impl Iterator<Item = (&String, Option<Pair<'_>>)> {
    let all = observed.nodes.iter().filter(|(node, found)| {
        **found == Eligibility::Run || observed.pods.get(*node).is_some_and(|pods| !pods.is_empty())
    });
    all.map(|(node, _)| {
        let pods = observed.pods.get(node).map(Vec::as_slice).unwrap_or_default();
        let (new, old): (Vec<_>, Vec<_>) =
            staying(pods).partition(|pod| is_updated(&observed.set, pod, &observed.hash));
        let single = new.len() <= 1 && old.len() <= 1;
        (node, single.then(|| Pair { new: new.first().copied(), old: old.first().copied() }))
    })
}

/// Deletes old pods first: those that are of no use now, others as far as pods may be unavailable.
fn replacing(observed: &Observed, max_unavailable: usize) -> Plan {
    let (mut unavailable, mut free, mut candidates) = (0, Vec::new(), Vec::new());
    for (_, pair) in pairs(observed) {
        match pair {
            Some(Pair { new: None, old: Some(old) }) if observed.is_available(old) => candidates.push(old.name_any()),
            Some(Pair { new: None, old: Some(old) }) => {
                free.push(old.name_any());
                unavailable += 1;
            }
            Some(Pair { new: Some(new), old: None }) if observed.is_available(new) => {}
            _ => unavailable += 1,
        }
    }
    candidates.truncate(max_unavailable.saturating_sub(unavailable));
    free.extend(candidates);
    Plan { delete: free, ..Plan::default() }
}

/// Creates new pods beside old ones first, and deletes the old ones when the new ones are available.
fn surging(observed: &Observed, max_surge: usize) -> Plan {
    let (mut surge, mut free, mut candidates, mut delete) = (0, Vec::new(), Vec::new(), Vec::new());
    for (node, pair) in pairs(observed) {
        match pair {
            None => surge += 1,
            Some(Pair { old: None, .. }) => {}
            Some(Pair { new: None, old: Some(old) }) => {
                if observed.nodes.get(node) != Some(&Eligibility::Run) {
                    continue;
                }
                if observed.is_available(old) { candidates.push(node.clone()) } else { free.push(node.clone()) }
            }
            Some(Pair { new: Some(new), old: Some(old) }) => {
                if observed.is_available(new) {
                    delete.push(old.name_any());
                } else {
                    surge += 1;
                }
            }
        }
    }
    candidates.truncate(max_surge.saturating_sub(surge));
    free.extend(candidates);
    Plan { create: free, delete, ..Plan::default() }
}

fn is_rolling(set: &DaemonSet) -> bool {
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete")
}

fn rolling(set: &DaemonSet) -> Option<&RollingUpdateDaemonSet> {
    let strategy = set.spec.as_ref()?.update_strategy.as_ref()?;
    strategy.rolling_update.as_ref().filter(|_| is_rolling(set))
}

fn max_surge(observed: &Observed, desired: i32) -> i32 {
    scaled(rolling(&observed.set).and_then(|rolling| rolling.max_surge.as_ref()), desired, Rounding::Up)
}

/// Returns the most nodes without available pod; one when the set does not say.
fn max_unavailable(observed: &Observed, desired: i32) -> i32 {
    let one = IntOrString::Int(1);
    let value = rolling(&observed.set).and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&one);
    // With neither surge nor this, nothing could ever move.
    scaled(Some(value), desired, Rounding::Up).max(1)
}
