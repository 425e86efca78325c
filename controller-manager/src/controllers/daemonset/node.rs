//! On which nodes a daemon set runs, and the pod it makes for one. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};

use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::history::HASH_LABEL;
use crate::controllers::shared::nodes::{self, NAME_FIELD};
use crate::controllers::shared::pods;
use crate::controllers::shared::taints::{self, NO_EXECUTE, NO_SCHEDULE, tolerates};

/// The annotation with the number of the template, from before there were revisions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
/// The label of pods with that number.
const GENERATION_LABEL: &str = "pod-template-generation";

/// The taints of conditions that stop no daemon from being scheduled.
const CONDITIONS: [&str; 4] = [
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];
/// Tolerated by pods in the network of the host.
const NETWORK_UNAVAILABLE: &str = "node.kubernetes.io/network-unavailable";

/// What a daemon set does on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eligibility {
    /// Its pods there are deleted.
    No,
    /// A pod that is there stays, none is made.
    Stay,
    /// It runs one pod there.
    Run,
}

/// Returns the pod spec of the template with the tolerations that all daemons get.
pub fn tolerant_spec(set: &DaemonSet) -> PodSpec {
    let template = set.spec.as_ref().and_then(|spec| spec.template.spec.clone());
    let mut spec = template.unwrap_or_default();
    let conditions = CONDITIONS.iter().map(|key| (*key, NO_SCHEDULE));
    let network = spec.host_network.unwrap_or_default().then_some((NETWORK_UNAVAILABLE, NO_SCHEDULE));
    let lost = [(taints::NOT_READY, NO_EXECUTE), (taints::UNREACHABLE, NO_EXECUTE)];
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in lost.into_iter().chain(conditions).chain(network) {
        add(tolerations, key, effect);
    }
    spec
}

/// Adds a toleration unless the user has given the same one.
fn add(tolerations: &mut Vec<Toleration>, key: &str, effect: &str) {
    let wanted = Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Toleration::default()
    };
    let same = |own: &Toleration| Toleration { toleration_seconds: None, ..own.clone() } == wanted;
    match tolerations.iter_mut().find(|own| same(own)) {
        Some(own) => *own = wanted,
        None => tolerations.push(wanted),
    }
}

/// Decides about `node` for pods of `spec`, which comes from [`tolerant_spec`].
pub fn eligibility(spec: &PodSpec, node: &Node) -> Eligibility {
    let named = spec.node_name.as_deref().filter(|name| !name.is_empty());
    if named.is_some_and(|name| Some(name) != node.metadata.name.as_deref()) || !nodes::wants(spec, node) {
        return Eligibility::No;
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let own = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let repelled = |effect: &str| {
        own.iter().any(|taint| taint.effect == effect && !tolerations.iter().any(|one| tolerates(one, taint)))
    };
    if repelled(NO_EXECUTE) {
        Eligibility::No
    } else if repelled(NO_SCHEDULE) {
        Eligibility::Stay
    } else {
        Eligibility::Run
    }
}

/// Makes the pod for a node, of the revision `hash`; the scheduler is bound to place it there.
pub fn pod(set: &DaemonSet, node: &str, hash: &str) -> Pod {
    let mut template = set.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let mut spec = tolerant_spec(set);
    pin(&mut spec, node);
    template.spec = Some(spec);
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
    if let Some(generation) = set.annotations().get(TEMPLATE_GENERATION) {
        labels.insert(GENERATION_LABEL.to_owned(), generation.clone());
    }
    pods::from_template(&template, &set.name_any(), &set.namespace().unwrap_or_default(), controller_ref(set))
}

/// Replaces the required node affinity by one for a single node.
fn pin(spec: &mut PodSpec, node: &str) {
    let requirement = NodeSelectorRequirement {
        key: NAME_FIELD.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![requirement]), ..NodeSelectorTerm::default() };
    let affinity: &mut NodeAffinity =
        spec.affinity.get_or_insert_with(Affinity::default).node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
}

/// Returns the node a daemon's pod runs on or is meant for.
pub fn target(pod: &Pod) -> Option<&str> {
    pods::node_name(pod).or_else(|| {
        let terms = nodes::required(pod.spec.as_ref()?)?;
        let fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
        let mut named = fields.filter(|field| field.key == NAME_FIELD && field.operator == "In");
        named.find_map(|field| field.values.as_ref()?.first()).map(String::as_str)
    })
}

/// Says whether a pod has the template that is in use.
pub fn is_updated(set: &DaemonSet, pod: &Pod, hash: &str) -> bool {
    let generation = set.annotations().get(TEMPLATE_GENERATION);
    pod.labels().get(HASH_LABEL).is_some_and(|own| own == hash)
        || generation.is_some_and(|number| pod.labels().get(GENERATION_LABEL) == Some(number))
}

/// Groups the pods by the node they are meant for, the oldest first; those that have ended and go away are left out.
pub fn by_node(pods: &[Arc<Pod>]) -> BTreeMap<String, Vec<Arc<Pod>>> {
    let mut nodes: BTreeMap<String, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods {
        if pods::is_terminal(pod) && pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        if let Some(node) = target(pod) {
            nodes.entry(node.to_owned()).or_default().push(pod.clone());
        }
    }
    for pods in nodes.values_mut() {
        pods.sort_by_cached_key(|pod| {
            let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (pods::node_name(pod).is_none(), created, pod.name_any())
        });
    }
    nodes
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::DaemonSetSpec;
    use k8s_openapi::api::core::v1::{NodeSpec, Taint};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::controllers::shared::testing::template;

    fn set() -> DaemonSet {
        let spec = DaemonSetSpec { template: template("x", "v1"), ..DaemonSetSpec::default() };
        let metadata = ObjectMeta { name: Some("d".to_owned()), ..ObjectMeta::default() };
        DaemonSet { metadata, spec: Some(spec), status: None }
    }

    fn tainted(key: &str, effect: &str) -> Node {
        let taint = Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() };
        let spec = NodeSpec { taints: Some(vec![taint]), ..NodeSpec::default() };
        let metadata = ObjectMeta { name: Some("one".to_owned()), ..ObjectMeta::default() };
        Node { metadata, spec: Some(spec), status: None }
    }

    #[test]
    fn taints_of_conditions_are_tolerated_and_others_are_not() {
        let spec = tolerant_spec(&set());
        for (key, effect, expected) in [
            (taints::NOT_READY, NO_EXECUTE, Eligibility::Run),
            (taints::UNREACHABLE, NO_EXECUTE, Eligibility::Run),
            ("node.kubernetes.io/unschedulable", NO_SCHEDULE, Eligibility::Run),
            ("node.kubernetes.io/memory-pressure", NO_SCHEDULE, Eligibility::Run),
            (NETWORK_UNAVAILABLE, NO_SCHEDULE, Eligibility::Stay),
            ("gpu", NO_SCHEDULE, Eligibility::Stay),
            ("gpu", NO_EXECUTE, Eligibility::No),
            ("gpu", "PreferNoSchedule", Eligibility::Run),
        ] {
            assert_eq!(eligibility(&spec, &tainted(key, effect)), expected, "{key} {effect}");
        }
        let mut host = set();
        host.spec.as_mut().unwrap().template.spec.as_mut().unwrap().host_network = Some(true);
        let network = tainted(NETWORK_UNAVAILABLE, NO_SCHEDULE);
        assert_eq!(eligibility(&tolerant_spec(&host), &network), Eligibility::Run);
        let elsewhere = PodSpec { node_name: Some("two".to_owned()), ..spec };
        assert_eq!(eligibility(&elsewhere, &tainted("gpu", "")), Eligibility::No);
    }

    #[test]
    fn a_pod_is_meant_for_its_node_and_carries_the_hash() {
        let pod = pod(&set(), "one", "abc");
        assert_eq!(target(&pod), Some("one"));
        assert_eq!(pod.labels()[HASH_LABEL], "abc");
        assert!(is_updated(&set(), &pod, "abc") && !is_updated(&set(), &pod, "abd"));
        assert_eq!(pod.spec.unwrap().tolerations.unwrap().len(), 6);
    }
}
