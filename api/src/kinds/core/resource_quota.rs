//! ResourceQuota (`pkg/apis/core/validation: ValidateResourceQuota @ v1.36`).

use serde_json::{Value, json};

use crate::field::{At, Errors, Path};
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

/// Scopes that an object is in or not.
const EXISTS_ONLY: &[&str] =
    &["BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "Terminating"];

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
    scopes(&spec, errs);
    selectors(&spec, errs);
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

/// Amounts of computing resources and of storage that a quota limits.
const COMPUTE: &[&str] = &["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
const STORAGE: &[&str] =
    &["ephemeral-storage", "limits.ephemeral-storage", "requests.ephemeral-storage", "requests.storage"];
/// Numbers of objects that a quota limits.
const COUNTS: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

fn is_standard(resource: &str) -> bool {
    [COMPUTE, STORAGE, COUNTS].iter().any(|known| known.contains(&resource))
        || resource.strip_prefix("requests.").unwrap_or(resource).starts_with("hugepages-")
}

fn amounts(at: &At<'_>, errs: &mut Errors) {
    for (resource, amount) in at.entries() {
        resources::name(resource, &amount, errs);
        if !resource.contains('/') && !is_standard(resource) {
            for detail in
                ["must be a standard resource type or fully qualified", "must be a standard resource for quota"]
            {
                errs.invalid_value(&amount, resource, detail);
            }
        }
        resources::non_negative(&amount, errs);
        if COUNTS.contains(&resource) && resources::quantity(&amount).is_some_and(|number| !number.is_whole()) {
            errs.invalid(&amount, "must be an integer");
        }
    }
}

/// Checks that the scopes are known, fit the resources limited, and do not exclude each other.
fn scopes(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.child("scopes");
    let hard = spec.child("hard");
    let given: Vec<&str> = at.items().map(|scope| scope.text()).collect();
    for scope in &given {
        if !SCOPES.contains(scope) {
            errs.invalid(&at, "unsupported scope");
        }
        for _ in hard.entries().filter(|(resource, _)| is_standard(resource) && !fits(scope, resource)) {
            errs.invalid(&at, "unsupported scope applied to resource");
        }
    }
    if conflict(&given) {
        errs.invalid(&at, "conflicting scopes");
    }
}

fn conflict(scopes: &[&str]) -> bool {
    [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]]
        .iter()
        .any(|pair| pair.iter().all(|scope| scopes.contains(scope)))
}

/// Checks the same of the scopes that are selected by expressions.
fn selectors(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.at("scopeSelector.matchExpressions");
    let hard = spec.child("hard");
    let mut given = Vec::new();
    for expression in at.items() {
        let scope = expression.child("scopeName").text();
        selector(&expression, &at.path, errs);
        for _ in hard.entries().filter(|(resource, _)| is_standard(resource) && !fits(scope, resource)) {
            errs.invalid_value(&at, shown(&at), "unsupported scope applied to resource");
        }
        given.push(scope);
    }
    if conflict(&given) {
        errs.invalid_value(&at, shown(&at), "conflicting scopes");
    }
}

/// The expressions as upstream shows them, by the names they have in its code.
fn shown(expressions: &At<'_>) -> Value {
    let field = |expression: &At<'_>, name: &'static str| expression.child(name).value.cloned().unwrap_or_default();
    let expressions: Vec<Value> = expressions
        .items()
        .map(|e| json!({"ScopeName": field(&e, "scopeName"), "Operator": field(&e, "operator"), "Values": field(&e, "values")}))
        .collect();
    json!({"MatchExpressions": expressions})
}

/// Tells whether a scope can limit a resource.
fn fits(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => ["persistentvolumeclaims", "requests.storage"].contains(&resource),
        known if SCOPES.contains(&known) => resource == "pods" || COMPUTE.contains(&resource),
        _ => true,
    }
}

fn selector(at: &At<'_>, expressions: &Path, errs: &mut Errors) {
    // Upstream reports these without the index.
    let field = |name: &'static str| At::new(at.child(name).value, expressions.child(name));
    let (scope, operator, values) = (field("scopeName"), field("operator"), field("values"));
    if !SCOPES.contains(&scope.text()) {
        errs.invalid_value(&scope, scope.text(), "unsupported scope");
    }
    if EXISTS_ONLY.contains(&scope.text()) && operator.text() != "Exists" {
        errs.invalid_value(
            &operator,
            operator.text(),
            "must be 'Exist' only operator when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        );
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
                "spec.scopes: Invalid value: [\"X\"]: unsupported scope",
            ],
        );
        check(
            &RESOURCE_QUOTA,
            json!({"spec": {"hard": {"bogus": "1", "example.com/gpu": "1", "pods": "1.5", "requests.hugepages-2Mi": "1"}}}),
            &[
                "spec.hard[bogus]: Invalid value: \"bogus\": must be a standard resource type or fully qualified",
                "spec.hard[bogus]: Invalid value: \"bogus\": must be a standard resource for quota",
                "spec.hard[pods]: Invalid value: \"1.5\": must be an integer",
            ],
        );
        check(
            &RESOURCE_QUOTA,
            json!({"spec": {"hard": {"services": "1"}, "scopes": ["BestEffort", "NotBestEffort"]}}),
            &[
                "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: unsupported scope applied to resource",
                "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: unsupported scope applied to resource",
                "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes",
            ],
        );
        let selected = |scope: &str, operator: &str| {
            json!({"spec": {"hard": {"services": "1"},
                "scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": operator, "values": ["x"]}]}}})
        };
        check(
            &RESOURCE_QUOTA,
            selected("PriorityClass", "In"),
            &[
                "spec.scopeSelector.matchExpressions: Invalid value: {\"MatchExpressions\":[{\"Operator\":\"In\",\"ScopeName\":\"PriorityClass\",\"Values\":[\"x\"]}]}: unsupported scope applied to resource",
            ],
        );
        check(
            &RESOURCE_QUOTA,
            json!({"spec": {"scopeSelector": {"matchExpressions": [{"scopeName": "X", "operator": "In"}]}}}),
            &[
                "spec.scopeSelector.matchExpressions.scopeName: Invalid value: \"X\": unsupported scope",
                "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            ],
        );
        let errors = Errors::of(|errs| validate(&selected("Terminating", "In"), errs)).to_string();
        assert!(errors.contains("must be 'Exist' only operator"), "{errors}");
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
