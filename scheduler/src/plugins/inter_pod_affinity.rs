//! Puts pods near pods they want to be near, and away from those they do not.
//!
//! Follows `pkg/scheduler/framework/plugins/interpodaffinity @ v1.36`.

use std::collections::HashMap;

use super::plugin::{ClusterEvent, MAX_NODE_SCORE, Overview, Plugin, Rejection};
use crate::model::{PodInfo, PodTerm};
use crate::snapshot::{NodeView, Snapshot};

/// What a required term of a pod that is there already counts in scores (upstream's `HardPodAffinityWeight`).
const REQUIRED_WEIGHT: i64 = 1;

/// `InterPodAffinity`.
pub struct InterPodAffinity;

/// Numbers by topology: the key of a node label and its value.
type Counts<'a> = HashMap<(&'a str, &'a str), i64>;

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn survey<'a>(&self, pod: &'a PodInfo, cluster: &'a Snapshot) -> Result<Option<Box<dyn Overview + 'a>>, String> {
        // Most clusters have no such pod: then nothing is looked at.
        if pod.terms.is_empty() && !cluster.has_terms() {
            return Ok(None);
        }
        let mut around = Around {
            pod,
            cluster,
            near: Counts::new(),
            far: Counts::new(),
            kept_off: Counts::new(),
            scores: Counts::new(),
        };
        for node in cluster.nodes() {
            for other in node.pods {
                around.count(other, &node);
            }
        }
        Ok(Some(Box::new(around)))
    }

    fn weight(&self) -> i64 {
        2
    }

    fn normalize(&self, scores: &mut [i64]) {
        let (lowest, highest) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
        for score in scores {
            *score = if highest == lowest { 0 } else { (*score - lowest) * MAX_NODE_SCORE / (highest - lowest) };
        }
    }

    fn helped_by(&self, event: ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node | ClusterEvent::PodGone | ClusterEvent::PodPlaced)
    }
}

/// What is known of the pods of all nodes.
struct Around<'a> {
    pod: &'a PodInfo,
    cluster: &'a Snapshot,
    /// Pods that fulfil all required terms of the pod, by the topology of each term.
    near: Counts<'a>,
    /// Pods that the pod must not be near to.
    far: Counts<'a>,
    /// Pods that do not want the pod near them.
    kept_off: Counts<'a>,
    /// Preferences of the pod, and of the others about it.
    scores: Counts<'a>,
}

impl<'a> Around<'a> {
    fn count(&mut self, other: &'a PodInfo, node: &NodeView<'a>) {
        let (pod, cluster) = (self.pod, self.cluster);
        let add = |counts: &mut Counts<'a>, term: &'a PodTerm, weight: i64| {
            if let Some(value) = node.info.labels.get(&term.topology) {
                *counts.entry((&term.topology, value)).or_default() += weight;
            }
        };
        let wanted = |term: &PodTerm, who: &PodInfo| term.matches(who, cluster.around());
        let terms = &pod.terms;
        if !terms.near.is_empty() && terms.near.iter().all(|term| wanted(term, other)) {
            terms.near.iter().for_each(|term| add(&mut self.near, term, 1));
        }
        terms.far.iter().filter(|term| wanted(term, other)).for_each(|term| add(&mut self.far, term, 1));
        for (weight, term) in terms.preferred.iter().filter(|(_, term)| wanted(term, other)) {
            add(&mut self.scores, term, *weight);
        }
        let terms = &other.terms;
        terms.far.iter().filter(|term| wanted(term, pod)).for_each(|term| add(&mut self.kept_off, term, 1));
        for term in terms.near.iter().filter(|term| wanted(term, pod)) {
            add(&mut self.scores, term, REQUIRED_WEIGHT);
        }
        for (weight, term) in terms.preferred.iter().filter(|(_, term)| wanted(term, pod)) {
            add(&mut self.scores, term, *weight);
        }
    }

    /// The first pod of a group that wants to be together may go anywhere with the label.
    fn is_first_of_its_group(&self) -> bool {
        self.near.is_empty() && self.pod.terms.near.iter().all(|term| term.matches(self.pod, self.cluster.around()))
    }

    fn is_near(&self, node: &NodeView<'_>) -> bool {
        let values = self.pod.terms.near.iter().map(|term| (term, node.info.labels.get(&term.topology)));
        let mut all = true;
        for (term, value) in values {
            let Some(value) = value else { return false };
            all &= self.near.get(&(term.topology.as_str(), value.as_str())).is_some_and(|count| *count > 0);
        }
        all || self.is_first_of_its_group()
    }
}

impl Overview for Around<'_> {
    fn filter(&self, node: &NodeView<'_>) -> Option<Rejection> {
        let holds = |counts: &Counts<'_>, key: &str| {
            let value = node.info.labels.get(key);
            value.is_some_and(|value| counts.get(&(key, value.as_str())).is_some_and(|count| *count > 0))
        };
        if !self.is_near(node) {
            return Some(Rejection::fixed("node(s) didn't match pod affinity rules"));
        }
        if self.pod.terms.far.iter().any(|term| holds(&self.far, &term.topology)) {
            return Some(Rejection::resolvable(vec!["node(s) didn't match pod anti-affinity rules".into()]));
        }
        let labels = node.info.labels.iter();
        let kept_off = !self.kept_off.is_empty() && labels.into_iter().any(|(key, _)| holds(&self.kept_off, key));
        kept_off.then(|| Rejection::resolvable(vec!["node(s) didn't satisfy existing pods anti-affinity rules".into()]))
    }

    fn score(&self, node: &NodeView<'_>) -> i64 {
        let of_node = |((key, value), weight): (&(&str, &str), &i64)| {
            node.info.labels.get(*key).filter(|own| own == value).map(|_| *weight)
        };
        self.scores.iter().filter_map(of_node).sum()
    }
}
