//! Validation of node affinity, pod affinity and node selectors.

use super::scheduling;
use crate::field::{At, Errors};
use crate::kinds::common::{metadata, selector};
use crate::names;

/// Validates `affinity`.
pub fn validate(at: &At<'_>, errs: &mut Errors) {
    let node = at.child("nodeAffinity");
    let required = node.child("requiredDuringSchedulingIgnoredDuringExecution");
    if required.exists() {
        node_selector(&required, errs);
    }
    for term in node.child("preferredDuringSchedulingIgnoredDuringExecution").items() {
        weight(&term, errs);
        node_selector_term(&term.child("preference"), errs);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = at.child(kind);
        for term in affinity.child("requiredDuringSchedulingIgnoredDuringExecution").items() {
            pod_term(&term, errs);
        }
        for term in affinity.child("preferredDuringSchedulingIgnoredDuringExecution").items() {
            weight(&term, errs);
            pod_term(&term.child("podAffinityTerm"), errs);
        }
    }
}

fn weight(term: &At<'_>, errs: &mut Errors) {
    let at = term.child("weight");
    let weight = at.i64().unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errs.invalid_value(&at, weight, "must be in the range 1-100");
    }
}

/// Validates a node selector: at least one term.
pub fn node_selector(at: &At<'_>, errs: &mut Errors) {
    let terms = at.child("nodeSelectorTerms");
    terms.require_because("must have at least one node selector term", errs);
    for term in terms.items() {
        node_selector_term(&term, errs);
    }
}

fn node_selector_term(at: &At<'_>, errs: &mut Errors) {
    for requirement in at.child("matchExpressions").items() {
        selector::requirement(&requirement, &["Gt", "Lt"], errs);
    }
    for requirement in at.child("matchFields").items() {
        field_requirement(&requirement, errs);
    }
}

fn field_requirement(at: &At<'_>, errs: &mut Errors) {
    let (operator, values, key) = (at.child("operator"), at.child("values"), at.child("key"));
    match operator.text() {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            errs.required_because(
                &values,
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            );
        }
        other => errs.invalid_value(&operator, other, "not a valid selector operator"),
    }
    if key.text() != "metadata.name" {
        errs.invalid_value(&key, key.text(), "not a valid field selector key");
        return;
    }
    for value in values.items() {
        value.check(metadata::dns1123_subdomain, errs);
    }
}

fn pod_term(at: &At<'_>, errs: &mut Errors) {
    selector::validate(&at.child("labelSelector"), errs);
    selector::validate(&at.child("namespaceSelector"), errs);
    for namespace in at.child("namespaces").items() {
        errs.invalid_each(&at.path.child("namespace"), namespace.text(), names::is_dns1123_label(namespace.text()));
    }
    scheduling::match_label_keys(at, "matchLabelKeys", errs);
    scheduling::match_label_keys(at, "mismatchLabelKeys", errs);
    let topology = at.child("topologyKey");
    topology.require_because("can not be empty", errs);
    topology.check(names::is_qualified_name, errs);
}
