//! IngressClass.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::network;
use crate::kinds::common::values::{fill, text, within};
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::names;

const MAX_CONTROLLER_BYTES: usize = 250;
/// The behaviour of IngressClasses.
pub static INGRESS_CLASS: Kind = Kind {
    default,
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::text("Controller", "/spec/controller", "Controller that serves the class."),
        Column::shown("Parameters", parameters, "Object with the controller's settings."),
        Column::AGE,
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    within(obj, "spec", |spec| within(spec, "parameters", |p| fill(p, "scope", "Cluster")));
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let controller = spec.child("controller");
    if controller.len() > MAX_CONTROLLER_BYTES {
        errs.too_long(&controller, MAX_CONTROLLER_BYTES);
    }
    network::domain_prefixed_path(&controller, errs);
    let parameters = spec.child("parameters");
    if parameters.exists() {
        parameters.child("apiGroup").check_set(names::is_dns1123_subdomain, errs);
        for (field, detail) in [("kind", "kind is required"), ("name", "name is required")] {
            let at = parameters.child(field);
            if at.require_because(detail, errs) {
                at.check(names::is_path_segment_name, errs);
            }
        }
        let (scope, namespace) = (parameters.child("scope"), parameters.child("namespace"));
        scope.one_of(&["Cluster", "Namespace"], errs);
        match scope.text() {
            "Namespace" if namespace.is_empty() => {
                errs.required_because(&namespace, "`parameters.scope` is set to 'Namespace'");
            }
            "Namespace" => namespace.check(names::is_dns1123_label, errs),
            "Cluster" if namespace.exists() => {
                errs.forbidden(&namespace, "`parameters.scope` is set to 'Cluster'");
            }
            _ => {}
        }
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    immutable(&At::root(new).child("spec").child("controller"), old.pointer("/spec/controller"), errs);
    validate(new, errs);
}

fn parameters(obj: &Value) -> String {
    let Some(parameters) = obj.pointer("/spec/parameters").filter(|p| p.is_object()) else { return NONE.to_owned() };
    let (group, kind, name) = (text(parameters, "/apiGroup"), text(parameters, "/kind"), text(parameters, "/name"));
    if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn controllers_and_parameters() {
        check(&INGRESS_CLASS, json!({"spec": {"controller": "a.io/b"}}), &[]);
        check(
            &INGRESS_CLASS,
            json!({"spec": {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}}}),
            &["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        );
        check_update(
            &INGRESS_CLASS,
            json!({"spec": {"controller": "a.io/b"}}),
            json!({"spec": {"controller": "a.io/c"}}),
            &["spec.controller: Invalid value: \"a.io/c\": field is immutable"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &INGRESS_CLASS,
            &json!({"metadata": {"name": "i"}, "spec": {"controller": "a.io/b", "parameters": {"apiGroup": "g", "kind": "K", "name": "n"}}}),
            &["i", "a.io/b", "K.g/n", "<unknown>"],
        );
    }

    #[test]
    fn parameters_are_named() {
        check(
            &INGRESS_CLASS,
            json!({"spec": {"controller": "a.io/b", "parameters": {"kind": "a/b", "name": "c"}}}),
            &["spec.parameters.kind: Invalid value: \"a/b\": may not contain '/'"],
        );
        check(
            &INGRESS_CLASS,
            json!({"spec": {"controller": "a.io/b", "parameters": {"apiGroup": "-"}}}),
            &[
                "spec.parameters.apiGroup: Invalid value: \"-\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                "spec.parameters.kind: Required value: kind is required",
                "spec.parameters.name: Required value: name is required",
            ],
        );
    }
}
