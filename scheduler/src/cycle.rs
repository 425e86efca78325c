//! The decision: which node takes a pod, or why none can. Pure: a snapshot and a pod in, an outcome out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::PodInfo;
use crate::plugins::{Lineup, Rejection};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::trial::Trial;

/// Below this many feasible nodes the search never stops early.
const MIN_FEASIBLE: usize = 100;
/// The search looks for at least this share of the nodes, percent.
const MIN_PERCENT: usize = 5;

/// A chosen node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Name of the node.
    pub node: Arc<str>,
    /// How many nodes were looked at.
    pub evaluated: usize,
    /// How many of them could take the pod.
    pub feasible: usize,
}

/// Why no node can take a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FitError {
    /// How many nodes there are.
    pub nodes: usize,
    /// For each reason, how many nodes gave it.
    pub reasons: BTreeMap<Cow<'static, str>, usize>,
    /// The plugins that rejected a node: changes they care about are worth another try.
    pub plugins: BTreeSet<&'static str>,
    /// Why no node had to be looked at: a reason that holds for all.
    pub hopeless: Option<String>,
    /// Nodes on which evicting pods could help.
    pub resolvable: Vec<NodeIndex>,
}

impl std::fmt::Display for FitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.nodes == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        write!(f, "0/{} nodes are available:", self.nodes)?;
        if let Some(reason) = &self.hopeless {
            return write!(f, " {reason}.");
        }
        // Upstream sorts the finished "3 Insufficient cpu" strings (framework/types.go: FitError.Error).
        let mut counted: Vec<String> = self.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        counted.sort();
        write!(f, " {}.", counted.join(", "))
    }
}

/// What carries over between decisions: where the next search begins, so that all nodes get their turn.
#[derive(Debug, Default)]
pub struct Cycle {
    start: usize,
    ties: u64,
}

impl Cycle {
    /// A cycle whose choices between equally good nodes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { start: 0, ties: seed | 1 }
    }

    /// Finds the best node for `pod`.
    ///
    /// # Errors
    /// The reasons, when no node can take it.
    pub fn run(&mut self, snapshot: &Snapshot, pod: &PodInfo) -> Result<Placement, FitError> {
        let mut error = FitError { nodes: snapshot.len(), ..FitError::default() };
        if snapshot.is_empty() {
            return Err(error);
        }
        let lineup = match Lineup::new(snapshot, pod) {
            Ok(lineup) => lineup,
            Err(hopeless) => {
                error.plugins.insert(hopeless.plugin);
                error.hopeless = Some(hopeless.message);
                return Err(error);
            }
        };
        let wanted = feasible_wanted(snapshot.len());
        let mut feasible = Vec::new();
        let mut evaluated = 0;
        for index in self.search_order(snapshot, pod) {
            let Some(node) = snapshot.node(index) else { continue };
            evaluated += 1;
            match rejection(snapshot, &lineup, pod, &node) {
                None => feasible.push(node),
                Some((plugin, rejection)) => error.count(index, plugin, rejection),
            }
            if feasible.len() >= wanted {
                break;
            }
        }
        self.start = (self.start + evaluated) % snapshot.len();
        let best = self.best(&lineup, &feasible).ok_or(error)?;
        Ok(Placement { node: best.info.name.clone(), evaluated, feasible: feasible.len() })
    }

    /// A pod that names its node looks at that node alone.
    fn search_order(&self, snapshot: &Snapshot, pod: &PodInfo) -> Box<dyn Iterator<Item = NodeIndex>> {
        match pod.node.as_deref().map(|name| snapshot.position(name)) {
            Some(Some(index)) => Box::new(std::iter::once(index)),
            _ => {
                let (start, len) = (self.start, snapshot.len());
                Box::new((0..len).map(move |i| (start + i) % len))
            }
        }
    }

    fn best<'a>(&mut self, lineup: &Lineup<'_>, feasible: &[NodeView<'a>]) -> Option<NodeView<'a>> {
        if let [only] = feasible {
            return Some(*only);
        }
        let totals = lineup.totals(feasible);
        let highest = totals.iter().copied().max()?;
        let tied: Vec<usize> = totals.iter().enumerate().filter(|(_, t)| **t == highest).map(|(i, _)| i).collect();
        let pick = usize::try_from(self.next_tie()).unwrap_or(0) % tied.len();
        tied.get(pick).and_then(|i| feasible.get(*i)).copied()
    }

    /// Xorshift: ties are broken evenly, and the same way again from the same seed.
    fn next_tie(&mut self) -> u64 {
        self.ties ^= self.ties << 13;
        self.ties ^= self.ties >> 7;
        self.ties ^= self.ties << 17;
        self.ties >> 1
    }
}

impl FitError {
    fn count(&mut self, index: NodeIndex, plugin: &'static str, rejection: Rejection) {
        self.plugins.insert(plugin);
        if rejection.resolvable {
            self.resolvable.push(index);
        }
        for reason in rejection.reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }
}

/// What keeps the pod off the node as it is, or as it will be with the more important pods that room is being made for.
fn rejection(
    snapshot: &Snapshot,
    lineup: &Lineup<'_>,
    pod: &PodInfo,
    node: &NodeView<'_>,
) -> Option<(&'static str, Rejection)> {
    let expected = snapshot.expected(&node.info.name, pod);
    if !expected.is_empty() {
        let then = Trial::new(node.info, node.pods.iter().cloned().chain(expected));
        if let Some(rejected) = lineup.rejection(&then.view()) {
            return Some(rejected);
        }
    }
    lineup.rejection(node)
}

/// How many feasible nodes are enough (`schedule_one.go: numFeasibleNodesToFind`): all up to 100, then a share that falls from 50 %
/// by one percent for every 125 nodes, at least 5 %.
fn feasible_wanted(nodes: usize) -> usize {
    if nodes < MIN_FEASIBLE {
        return nodes.max(1);
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(MIN_PERCENT);
    (nodes * percent / 100).max(MIN_FEASIBLE)
}
