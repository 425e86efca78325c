//! ResourceQuota (`pkg/apis/core/validation: ValidateResourceQuota @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::resources;
use crate::kinds::common::values::same;
use crate::kinds::kind::Kind;

const SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

/// The behaviour of ResourceQuotas.
pub static RESOURCE_QUOTA: Kind = Kind {
    validate,
    validate_update: Some(validate_update),
    validate_status,
    columns: &[
        Column::NAME,
        Column::shown("Request", |obj| amounts_of(obj, false), "Used and allowed amounts of what objects request."),
        Column::shown("Limit", |obj| amounts_of(obj, true), "Used and allowed amounts of limits."),
        Column::AGE,
    ],
    ..Kind::STATUS
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    amounts(&spec.child("hard"), errs);
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
        selector(&expression, errs);
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
    let scopes = At::root(new).child("spec").child("scopes");
    if !same(scopes.value, old.pointer("/spec/scopes")) {
        errs.invalid(&scopes, "field is immutable");
    }
}

fn validate_status(new: &Value, _old: &Value, errs: &mut Errors) {
    let status = At::root(new).child("status");
    for field in ["hard", "used"] {
        amounts(&status.child(field), errs);
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

/// Used and allowed amounts, either of limits or of everything else.
fn amounts_of(obj: &Value, limits: bool) -> String {
    let status = At::root(obj).child("status");
    let mut hard: Vec<_> = status.child("hard").entries().filter(|(k, _)| k.starts_with("limits") == limits).collect();
    hard.sort_by_key(|(k, _)| *k);
    let lines = hard.into_iter().map(|(resource, allowed)| {
        let used = status.child("used").key(resource);
        format!("{resource}: {}/{}", if used.is_empty() { "0" } else { used.text() }, allowed.text())
    });
    lines.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn amounts_and_scopes() {
        check(&RESOURCE_QUOTA, json!({"spec": {"hard": {"pods": "10"}, "scopes": ["BestEffort"]}}), &[]);
        check(
            &RESOURCE_QUOTA,
            json!({"spec": {"hard": {"pods": "-1"}, "scopes": ["X"]}}),
            &[
                "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
                "spec.scopes[0]: Invalid value: \"X\": unsupported scope",
            ],
        );
        check_update(
            &RESOURCE_QUOTA,
            json!({"spec": {}}),
            json!({"spec": {"scopes": ["BestEffort"]}}),
            &["spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &RESOURCE_QUOTA,
            &json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "10", "cpu": "1", "limits.cpu": "2"}, "used": {"pods": "3"}}}),
            &["q", "cpu: 0/1, pods: 3/10", "limits.cpu: 0/2", "<unknown>"],
        );
    }
}
