//! What pods say about other pods: affinity and even spreading, compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corvette_api::labels::{Operator, Requirement, Selector};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{NodeInfo, PodInfo, Surroundings};

/// One term of pod affinity or anti-affinity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTerm {
    /// The node label whose equal values mean near.
    pub topology: String,
    namespaces: BTreeSet<Arc<str>>,
    namespace_selector: Option<Selector>,
    selector: Selector,
}

impl PodTerm {
    fn from_api(term: &core::PodAffinityTerm, namespace: &str, labels: &BTreeMap<String, String>) -> Self {
        let mut namespaces: BTreeSet<Arc<str>> =
            term.namespaces.iter().flatten().map(|name| name.as_str().into()).collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(namespace.into());
        }
        let keys = |keys: &Option<Vec<String>>, operator| -> Vec<Requirement> {
            keys.iter().flatten().filter_map(|key| of_own(key, operator, labels)).collect()
        };
        let own = keys(&term.match_label_keys, Operator::In)
            .into_iter()
            .chain(keys(&term.mismatch_label_keys, Operator::NotIn));
        Self {
            topology: term.topology_key.clone(),
            namespaces,
            namespace_selector: term.namespace_selector.as_ref().map(|selector| compile(Some(selector))),
            selector: narrowed(compile(term.label_selector.as_ref()), own),
        }
    }

    /// Says whether a pod is one that the term is about.
    pub fn matches(&self, pod: &PodInfo, around: &Surroundings) -> bool {
        let in_namespace = self.namespaces.contains(&pod.key.namespace)
            || self.namespace_selector.as_ref().is_some_and(|selector| {
                selector.is_empty()
                    || around.namespaces.get(&pod.key.namespace).is_some_and(|labels| selector.matches(labels))
            });
        in_namespace && self.selector.matches(&*pod.labels)
    }
}

/// Everything a pod says about pods near it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodTerms {
    /// It must be near such pods.
    pub near: Vec<PodTerm>,
    /// It must not.
    pub far: Vec<PodTerm>,
    /// It would rather be (with a negative weight: rather not).
    pub preferred: Vec<(i64, PodTerm)>,
}

impl PodTerms {
    /// Compiles `spec.affinity.podAffinity` and `podAntiAffinity`.
    pub fn from_spec(spec: &core::PodSpec, namespace: &str, labels: &BTreeMap<String, String>) -> Self {
        let Some(affinity) = &spec.affinity else { return Self::default() };
        let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
        let all = |terms: Option<&Vec<core::PodAffinityTerm>>| -> Vec<PodTerm> {
            terms.into_iter().flatten().map(|term| PodTerm::from_api(term, namespace, labels)).collect()
        };
        let weighted = |terms: Option<&Vec<core::WeightedPodAffinityTerm>>, sign: i64| -> Vec<(i64, PodTerm)> {
            let compile = |term: &core::WeightedPodAffinityTerm| {
                (sign * i64::from(term.weight), PodTerm::from_api(&term.pod_affinity_term, namespace, labels))
            };
            terms.into_iter().flatten().map(compile).collect()
        };
        let mut preferred =
            weighted(near.and_then(|near| near.preferred_during_scheduling_ignored_during_execution.as_ref()), 1);
        preferred.extend(weighted(
            far.and_then(|far| far.preferred_during_scheduling_ignored_during_execution.as_ref()),
            -1,
        ));
        Self {
            near: all(near.and_then(|near| near.required_during_scheduling_ignored_during_execution.as_ref())),
            far: all(far.and_then(|far| far.required_during_scheduling_ignored_during_execution.as_ref())),
            preferred,
        }
    }

    /// Says whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.near.is_empty() && self.far.is_empty() && self.preferred.is_empty()
    }
}

/// One topology spread constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// The node label whose values are the domains.
    pub topology: String,
    /// How many pods more than the emptiest domain one may hold.
    pub max_skew: i64,
    /// With fewer domains than these the emptiest counts as holding none.
    pub min_domains: Option<usize>,
    /// Whether a node that would be too full is ruled out (`DoNotSchedule`), or liked less.
    pub is_required: bool,
    /// The pods that are spread.
    pub selector: Selector,
    honors_affinity: bool,
    honors_taints: bool,
}

impl Spread {
    /// Compiles a constraint of a pod with `labels`.
    pub fn from_api(constraint: &core::TopologySpreadConstraint, labels: &BTreeMap<String, String>) -> Self {
        let own = constraint.match_label_keys.iter().flatten().filter_map(|key| of_own(key, Operator::In, labels));
        Self {
            topology: constraint.topology_key.clone(),
            max_skew: constraint.max_skew.into(),
            min_domains: constraint.min_domains.and_then(|least| usize::try_from(least).ok()),
            is_required: constraint.when_unsatisfiable == "DoNotSchedule",
            selector: narrowed(compile(constraint.label_selector.as_ref()), own),
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }

    /// Says whether the pods of a node are counted.
    pub fn counts_node(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let tolerated = || {
            node.taints.iter().filter(|t| t.effect.repels()).all(|t| pod.tolerations.iter().any(|own| own.tolerates(t)))
        };
        (!self.honors_affinity || pod.node_matcher.matches(&node.name, &node.labels))
            && (!self.honors_taints || tolerated())
    }
}

/// A selector that validation should have refused selects nothing.
pub(super) fn compile(selector: Option<&LabelSelector>) -> Selector {
    let value = selector.and_then(|selector| serde_json::to_value(selector).ok()).unwrap_or_default();
    Selector::from_label_selector(&value).unwrap_or_else(|_| Selector::nothing())
}

fn of_own(key: &str, operator: Operator, labels: &BTreeMap<String, String>) -> Option<Requirement> {
    Requirement::new(key, operator, vec![labels.get(key)?.clone()]).ok()
}

fn narrowed(selector: Selector, more: impl IntoIterator<Item = Requirement>) -> Selector {
    if selector.selects_nothing() {
        return selector;
    }
    Selector::new(selector.requirements().iter().cloned().chain(more))
}
