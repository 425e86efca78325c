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
    if terms.is_empty() {
        errs.required_because(&terms, "must have at least one node selector term");
    }
    for term in terms.items() {
        node_selector_term(&term, errs);
    }
}

fn node_selector_term(at: &At<'_>, errs: &mut Errors) {
    for requirement in at.child("matchExpressions").items() {
        node_requirement(&requirement, errs);
    }
    for requirement in at.child("matchFields").items() {
        field_requirement(&requirement, errs);
    }
}

fn node_requirement(at: &At<'_>, errs: &mut Errors) {
    let (operator, values) = (at.child("operator"), at.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errs.required_because(&values, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errs.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errs.required_because(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errs.invalid_value(&operator, other, "not a valid selector operator"),
    }
    at.child("key").check(names::is_qualified_name, errs);
    for value in values.items() {
        value.check(names::is_label_value, errs);
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
    if topology.is_empty() {
        errs.required_because(&topology, "can not be empty");
    }
    topology.check(names::is_qualified_name, errs);
}
