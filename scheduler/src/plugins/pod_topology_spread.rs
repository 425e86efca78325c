//! Spreads pods evenly over zones, nodes or whatever a label names.
//!
//! Follows `pkg/scheduler/framework/plugins/podtopologyspread @ v1.36`, without the cluster's default constraints.

use std::collections::{BTreeMap, BTreeSet};

use super::plugin::{ClusterEvent, MAX_NODE_SCORE, Overview, Plugin, Rejection};
use crate::model::{PodInfo, Spread};
use crate::snapshot::{NodeView, Snapshot};

/// `PodTopologySpread`.
pub struct PodTopologySpread;

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn concerns(&self, pod: &PodInfo) -> bool {
        !pod.spreads.is_empty()
    }

    fn survey<'a>(&self, pod: &'a PodInfo, cluster: &'a Snapshot) -> Result<Option<Box<dyn Overview + 'a>>, String> {
        let strict = |spread: &&Spread| spread.is_required;
        let (required, wished): (Vec<_>, Vec<_>) = pod.spreads.iter().partition(strict);
        let domains = |list: Vec<&'a Spread>| -> Vec<Domains<'a>> {
            let keys: Vec<&str> = list.iter().map(|spread| spread.topology.as_str()).collect();
            list.into_iter().map(|spread| Domains::count(spread, &keys, pod, cluster)).collect()
        };
        Ok(Some(Box::new(Spreads { required: domains(required), wished: domains(wished) })))
    }

    fn weight(&self) -> i64 {
        2
    }

    /// Few pods are good: the lowest raw score becomes the best. A node without the labels scores nothing.
    fn normalize(&self, scores: &mut [i64]) {
        let known = || scores.iter().copied().filter(|score| *score != IGNORED);
        let (lowest, highest) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
        for score in scores {
            *score = match *score {
                IGNORED => 0,
                _ if highest == 0 => MAX_NODE_SCORE,
                own => MAX_NODE_SCORE * (highest + lowest - own) / highest,
            };
        }
    }

    fn helped_by(&self, event: ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node | ClusterEvent::PodGone | ClusterEvent::PodPlaced)
    }
}

/// The raw score of a node that lacks a label.
const IGNORED: i64 = -1;

struct Spreads<'a> {
    required: Vec<Domains<'a>>,
    wished: Vec<Domains<'a>>,
}

/// How many pods of a constraint each domain holds.
struct Domains<'a> {
    spread: &'a Spread,
    /// Whether the pod itself is one of those that are spread.
    counts_itself: bool,
    pods: BTreeMap<&'a str, i64>,
}

impl<'a> Domains<'a> {
    /// Counts on the nodes that have all topology labels of constraints of the same strictness.
    fn count(spread: &'a Spread, keys: &[&str], pod: &PodInfo, cluster: &'a Snapshot) -> Self {
        let mut pods: BTreeMap<&str, i64> = BTreeMap::new();
        let eligible = |node: &NodeView<'_>| {
            keys.iter().all(|key| node.info.labels.contains_key(*key)) && spread.counts_node(pod, node.info)
        };
        for node in cluster.nodes().filter(eligible) {
            let Some(value) = node.info.labels.get(&spread.topology) else { continue };
            let counted = |other: &&std::sync::Arc<PodInfo>| {
                !other.terminating
                    && other.key.namespace == pod.key.namespace
                    && spread.selector.matches(&*other.labels)
            };
            let here = i64::try_from(node.pods.iter().filter(counted).count()).unwrap_or(i64::MAX);
            *pods.entry(value).or_default() += here;
        }
        Self { spread, counts_itself: spread.selector.matches(&*pod.labels), pods }
    }

    fn fewest(&self) -> i64 {
        let too_few = self.spread.min_domains.is_some_and(|least| self.pods.len() < least);
        if too_few { 0 } else { self.pods.values().copied().min().unwrap_or(0) }
    }
}

impl Overview for Spreads<'_> {
    fn filter(&self, node: &NodeView<'_>) -> Option<Rejection> {
        self.required.iter().find_map(|domains| {
            let Some(value) = node.info.labels.get(&domains.spread.topology) else {
                let lacking = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Some(Rejection::fixed(lacking));
            };
            let here = domains.pods.get(value.as_str()).copied().unwrap_or(0);
            let skew = here + i64::from(domains.counts_itself) - domains.fewest();
            let uneven = skew > domains.spread.max_skew;
            uneven.then(|| Rejection::resolvable(vec!["node(s) didn't match pod topology spread constraints".into()]))
        })
    }

    fn score(&self, node: &NodeView<'_>) -> i64 {
        let mut sum = 0.0;
        for domains in &self.wished {
            let Some(value) = node.info.labels.get(&domains.spread.topology) else { return IGNORED };
            let here = domains.pods.get(value.as_str()).copied().unwrap_or(0);
            let sizes: BTreeSet<&str> = domains.pods.keys().copied().collect();
            // More domains weigh less each, as upstream's logarithm has it.
            let weight = (sizes.len() as f64 + 2.0).ln();
            sum += here as f64 * weight + (domains.spread.max_skew - 1) as f64;
        }
        sum.round() as i64
    }
}
