//! What webhooks and policies share: rules, match constraints and match conditions.

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::common::selector;
use crate::kinds::common::values::{each, ensure, fill, fill_zero};
use crate::names;

const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

/// Fills the scope of rules.
pub fn default_rules(obj: &mut Value, field: &str) {
    each(obj, field, |rule| fill(rule, "scope", "*"));
}

/// Fills what a set of match constraints leaves open.
pub fn default_constraints(obj: &mut Value) {
    fill_zero(obj, "matchPolicy", "Equivalent");
    fill(obj, "namespaceSelector", json!({}));
    fill(obj, "objectSelector", json!({}));
    default_rules(obj, "resourceRules");
    default_rules(obj, "excludeResourceRules");
}

/// Fills the match constraints of a policy's spec when there are any.
pub fn default_policy(spec: &mut Value) {
    fill(spec, "failurePolicy", "Fail");
    if spec.get("matchConstraints").is_some_and(Value::is_object)
        && let Some(constraints) = ensure(spec, "matchConstraints")
    {
        default_constraints(constraints);
    }
}

/// Checks one rule: which operations on which resources.
pub fn rule(at: &At<'_>, errs: &mut Errors) {
    let operations = at.child("operations");
    if operations.require(errs) {
        if operations.len() > 1 && operations.array().iter().any(|o| o == "*") {
            errs.invalid(&operations, "if '*' is present, must not specify other operations");
        }
        for operation in operations.items() {
            operation.one_of(OPERATIONS, errs);
        }
    }
    for (field, detail) in [
        ("apiGroups", "if '*' is present, must not specify other API groups"),
        ("apiVersions", "if '*' is present, must not specify other API versions"),
    ] {
        let list = at.child(field);
        if list.require(errs) && list.len() > 1 && list.array().iter().any(|v| v == "*") {
            errs.invalid(&list, detail);
        }
    }
    for version in at.child("apiVersions").items() {
        version.require(errs);
    }
    let resources = at.child("resources");
    if resources.require(errs) {
        for resource in resources.items().filter(At::is_empty) {
            errs.required(&resource);
        }
    }
    at.child("scope").one_of(&["*", "Cluster", "Namespaced"], errs);
}

/// Checks match constraints; a policy must match something.
pub fn constraints(at: &At<'_>, errs: &mut Errors) {
    let rules = at.child("resourceRules");
    for one in rules.items().chain(at.child("excludeResourceRules").items()) {
        rule(&one, errs);
    }
    at.child("matchPolicy").one_of(&["Equivalent", "Exact"], errs);
    for field in ["namespaceSelector", "objectSelector"] {
        selector::validate(&at.child(field), errs);
    }
}

/// Checks match conditions: named, once each, with an expression.
pub fn conditions(at: &At<'_>, errs: &mut Errors) {
    const MAX: usize = 64;
    if at.len() > MAX {
        errs.too_many(at, at.len(), MAX);
    }
    let mut seen = std::collections::HashSet::new();
    for condition in at.items() {
        let name = condition.child("name");
        if name.require(errs) {
            name.check(names::is_qualified_name, errs);
            if !seen.insert(name.text()) {
                errs.duplicate(&name);
            }
        }
        condition.child("expression").require(errs);
    }
}

/// Checks `apiVersion` and `kind` of a policy's parameter.
pub fn param_kind(at: &At<'_>, errs: &mut Errors) {
    if at.exists() {
        for field in ["apiVersion", "kind"] {
            at.child(field).require(errs);
        }
    }
}
