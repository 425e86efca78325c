//! ValidatingAdmissionPolicyBinding and MutatingAdmissionPolicyBinding.

use jiff::Timestamp;
use serde_json::Value;

use super::matching;
use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, start};
use crate::kinds::common::selector;
use crate::kinds::common::values::{text, within};
use crate::kinds::printing::{UNSET, age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::names;

/// The behaviour of both kinds of policy bindings.
pub struct PolicyBinding {
    /// Whether the binding says what happens to requests that fail (validating policies).
    pub actions: bool,
}

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("PolicyName", "string", "Policy that is bound."),
    Column::new("ParamRef", "string", "Parameters it is bound with."),
    Column::AGE,
];

impl Strategy for PolicyBinding {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", |spec| within(spec, "matchResources", matching::default_constraints));
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let policy = spec.child("policyName");
        if policy.require(&mut errs) {
            policy.check(names::is_dns1123_subdomain, &mut errs);
        }
        param_ref(&spec.child("paramRef"), &mut errs);
        matching::constraints(&spec.child("matchResources"), &mut errs);
        if self.actions {
            actions(&spec.child("validationActions"), &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/spec/policyName").into(), shown_reference(obj).into(), age(obj, now)]
    }
}

fn param_ref(at: &At<'_>, errs: &mut Errors) {
    if !at.exists() {
        return;
    }
    let (name, labels) = (at.child("name"), at.child("selector"));
    match (name.is_empty(), labels.exists()) {
        (true, false) => errs.required_because(&name, "one of name or selector must be specified"),
        (false, true) => errs.forbidden(&name, "name and selector are mutually exclusive"),
        _ => {}
    }
    selector::validate(&labels, errs);
    let missing = at.child("parameterNotFoundAction");
    if missing.require(errs) {
        missing.one_of(&["Allow", "Deny"], errs);
    }
}

fn actions(at: &At<'_>, errs: &mut Errors) {
    if !at.require(errs) {
        return;
    }
    let mut seen = std::collections::HashSet::new();
    for action in at.items() {
        action.one_of(&["Audit", "Deny", "Warn"], errs);
        if !seen.insert(action.text()) {
            errs.duplicate(&action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        errs.invalid(at, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
    }
}

fn shown_reference(obj: &Value) -> String {
    let Some(reference) = obj.pointer("/spec/paramRef").filter(|p| p.is_object()) else { return UNSET.to_owned() };
    let (namespace, name) = (text(reference, "/namespace"), text(reference, "/name"));
    match (namespace, name) {
        ("", "") => "*".to_owned(),
        ("", name) => format!("*/{name}"),
        (namespace, "") => format!("{namespace}/*"),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        let binding = PolicyBinding { actions: true };
        check(&binding, json!({"spec": {"policyName": "p", "validationActions": ["Deny"]}}), &[]);
        check(
            &binding,
            json!({"spec": {"paramRef": {}}}),
            &[
                "spec.policyName: Required value",
                "spec.paramRef.name: Required value: one of name or selector must be specified",
                "spec.paramRef.parameterNotFoundAction: Required value",
                "spec.validationActions: Required value",
            ],
        );
    }
}
