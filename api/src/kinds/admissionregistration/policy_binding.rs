//! ValidatingAdmissionPolicyBinding and MutatingAdmissionPolicyBinding.

use serde_json::Value;

use super::matching;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::common::values::{text, within};
use crate::kinds::kind::Kind;
use crate::kinds::printing::UNSET;
use crate::names;

/// The behaviour of MutatingAdmissionPolicyBindings.
pub static MUTATING: Kind = Kind {
    default: |obj| within(obj, "spec", |spec| within(spec, "matchResources", matching::default_constraints)),
    validate,
    columns: &[
        Column::NAME,
        Column::text("PolicyName", "/spec/policyName", "Policy that is bound."),
        Column::shown("ParamRef", shown_reference, "Parameters it is bound with."),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::COUNTED
};

/// The behaviour of ValidatingAdmissionPolicyBindings, which say what happens to requests that fail.
pub static VALIDATING: Kind = Kind {
    validate: |obj, errs| {
        validate(obj, errs);
        actions(&At::root(obj).at("spec.validationActions"), errs);
    },
    ..MUTATING
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    spec.child("policyName").require_valid(names::is_dns1123_subdomain, errs);
    param_ref(&spec.child("paramRef"), errs);
    matching::constraints(&spec.child("matchResources"), errs);
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
    at.child("parameterNotFoundAction").require_one_of(&["Allow", "Deny"], errs);
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
        check(&VALIDATING, json!({"spec": {"policyName": "p", "validationActions": ["Deny"]}}), &[]);
        check(
            &VALIDATING,
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
