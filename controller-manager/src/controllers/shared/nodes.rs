//! Which nodes a pod asks for. Pure.
//!
//! Follows staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity: RequiredNodeAffinity @ v1.36.

use std::collections::BTreeMap;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec};

/// The field by which a node is named in node affinity.
pub const NAME_FIELD: &str = "metadata.name";

/// Says whether a node has the labels of the pod's node selector and satisfies its required node affinity.
pub fn wants(spec: &PodSpec, node: &Node) -> bool {
    let labels = node.labels();
    let selected = spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    selected && required(spec).is_none_or(|terms| terms.iter().any(|term| holds(term, &node.name_any(), labels)))
}

/// Returns the terms of the required node affinity.
pub fn required(spec: &PodSpec) -> Option<&[NodeSelectorTerm]> {
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    Some(&affinity.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms)
}

/// A term without requirements holds nowhere.
fn holds(term: &NodeSelectorTerm, name: &str, labels: &BTreeMap<String, String>) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    (!expressions.is_empty() || !fields.is_empty())
        && expressions.iter().all(|wanted| fulfils(wanted, labels.get(&wanted.key).map(String::as_str)))
        && fields.iter().all(|wanted| wanted.key == NAME_FIELD && fulfils(wanted, Some(name)))
}

fn fulfils(wanted: &NodeSelectorRequirement, found: Option<&str>) -> bool {
    let values = wanted.values.as_deref().unwrap_or_default();
    let listed = |value: &str| values.iter().any(|v| v == value);
    let numbers = || Some((found?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
    match wanted.operator.as_str() {
        "In" => found.is_some_and(listed),
        "NotIn" => !found.is_some_and(listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => numbers().is_some_and(|(value, bound)| value > bound),
        "Lt" => numbers().is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Affinity, NodeAffinity, NodeSelector};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn node(labels: &[(&str, &str)]) -> Node {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let metadata = ObjectMeta { name: Some("one".to_owned()), labels: Some(labels), ..ObjectMeta::default() };
        Node { metadata, ..Node::default() }
    }

    fn requirement(key: &str, operator: &str, values: &[&str]) -> NodeSelectorRequirement {
        let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
        NodeSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values }
    }

    fn spec(terms: Vec<NodeSelectorTerm>) -> PodSpec {
        let selector = NodeSelector { node_selector_terms: terms };
        let node_affinity = NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(selector),
            ..NodeAffinity::default()
        };
        let affinity = Affinity { node_affinity: Some(node_affinity), ..Affinity::default() };
        PodSpec { affinity: Some(affinity), ..PodSpec::default() }
    }

    #[test]
    fn one_term_must_hold_entirely() {
        let expressions = |list: Vec<NodeSelectorRequirement>| NodeSelectorTerm {
            match_expressions: Some(list),
            ..NodeSelectorTerm::default()
        };
        let fields = |list: Vec<NodeSelectorRequirement>| NodeSelectorTerm {
            match_fields: Some(list),
            ..NodeSelectorTerm::default()
        };
        let node = node(&[("disk", "ssd"), ("cpus", "8")]);
        for (expected, terms) in [
            (true, vec![expressions(vec![requirement("disk", "In", &["ssd", "nvme"])])]),
            (false, vec![expressions(vec![requirement("disk", "NotIn", &["ssd"])])]),
            (true, vec![expressions(vec![requirement("gpu", "NotIn", &["a"])])]),
            (false, vec![expressions(vec![requirement("disk", "Exists", &[]), requirement("gpu", "Exists", &[])])]),
            (true, vec![NodeSelectorTerm::default(), expressions(vec![requirement("gpu", "DoesNotExist", &[])])]),
            (false, vec![NodeSelectorTerm::default()]),
            (true, vec![expressions(vec![requirement("cpus", "Gt", &["7"]), requirement("cpus", "Lt", &["9"])])]),
            (false, vec![expressions(vec![requirement("disk", "Gt", &["7"])])]),
            (true, vec![fields(vec![requirement(NAME_FIELD, "In", &["one"])])]),
            (false, vec![fields(vec![requirement(NAME_FIELD, "In", &["two"])])]),
        ] {
            assert_eq!(wants(&spec(terms.clone()), &node), expected, "{terms:?}");
        }
        let selector = |value: &str| PodSpec {
            node_selector: Some([("disk".to_owned(), value.to_owned())].into()),
            ..PodSpec::default()
        };
        assert!(wants(&selector("ssd"), &node) && !wants(&selector("tape"), &node));
    }
}
