//! ResourceQuota (`pkg/apis/core/validation: ValidateResourceQuota @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{carry, drop_status};
use crate::kinds::common::resources;
use crate::kinds::common::values::same;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of ResourceQuotas.
pub struct ResourceQuota;

const SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Request", "string", "Used and allowed amounts of what objects request."),
    Column::new("Limit", "string", "Used and allowed amounts of limits."),
    Column::AGE,
];

impl Strategy for ResourceQuota {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        carry(new, old, "status");
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        amounts(&spec.child("hard"), &mut errs);
        let mut terminating = 0;
        for scope in spec.child("scopes").items() {
            if !SCOPES.contains(&scope.text()) {
                errs.invalid(&scope, "unsupported scope");
            }
            terminating += usize::from(["Terminating", "NotTerminating"].contains(&scope.text()));
        }
        if terminating > 1 {
            errs.invalid(&spec.child("scopes"), "conflicting scopes");
        }
        for expression in spec.child("scopeSelector").child("matchExpressions").items() {
            selector(&expression, &mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        let scopes = At::root(new).child("spec").child("scopes");
        if !same(scopes.value, old.pointer("/spec/scopes")) {
            errs.invalid(&scopes, "field is immutable");
        }
        errs
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        let mut errs = Errors::new();
        let status = At::root(new).child("status");
        for field in ["hard", "used"] {
            amounts(&status.child(field), &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let status = At::root(obj).child("status");
        let (mut requests, mut limits) = (Vec::new(), Vec::new());
        let mut hard: Vec<_> = status.child("hard").entries().collect();
        hard.sort_by_key(|(k, _)| *k);
        for (resource, allowed) in hard {
            let used = status.child("used").key(resource);
            let used = if used.is_empty() { "0" } else { used.text() };
            let line = format!("{resource}: {used}/{}", allowed.text());
            if resource.starts_with("limits") { limits.push(line) } else { requests.push(line) }
        }
        vec![name(obj), requests.join(", ").into(), limits.join(", ").into(), age(obj, now)]
    }
}

fn amounts(at: &At<'_>, errs: &mut Errors) {
    for (resource, amount) in at.entries() {
        resources::name(resource, &amount, errs);
        resources::non_negative(&amount, errs);
    }
}

fn selector(at: &At<'_>, errs: &mut Errors) {
    let (scope, operator, values) = (at.child("scopeName"), at.child("operator"), at.child("values"));
    if !SCOPES.contains(&scope.text()) {
        errs.invalid_value(&scope, scope.text(), "unsupported scope");
    }
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errs.required_because(
                &values,
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            );
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errs.invalid(&values, "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errs.invalid_value(&operator, other, "not a valid selector operator"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn amounts_and_scopes() {
        check(&ResourceQuota, json!({"spec": {"hard": {"pods": "10"}, "scopes": ["BestEffort"]}}), &[]);
        check(
            &ResourceQuota,
            json!({"spec": {"hard": {"pods": "-1"}, "scopes": ["X"]}}),
            &[
                "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
                "spec.scopes[0]: Invalid value: \"X\": unsupported scope",
            ],
        );
        check_update(
            &ResourceQuota,
            json!({"spec": {}}),
            json!({"spec": {"scopes": ["BestEffort"]}}),
            &["spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &ResourceQuota,
            &json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "10", "cpu": "1", "limits.cpu": "2"}, "used": {"pods": "3"}}}),
            &["q", "cpu: 0/1, pods: 3/10", "limits.cpu: 0/2", "<unknown>"],
        );
    }
}
