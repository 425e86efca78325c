//! IngressClass.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::network;
use crate::kinds::common::values::{fill, text, within};
use crate::kinds::printing::{NONE, age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::names;

/// The behaviour of IngressClasses.
pub struct IngressClass;

const MAX_CONTROLLER_BYTES: usize = 250;
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Controller", "string", "Controller that serves the class."),
    Column::new("Parameters", "string", "Object with the controller's settings."),
    Column::AGE,
];

impl Strategy for IngressClass {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", |spec| within(spec, "parameters", |p| fill(p, "scope", "Cluster")));
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
        let controller = spec.child("controller");
        if controller.len() > MAX_CONTROLLER_BYTES {
            errs.too_long(&controller, MAX_CONTROLLER_BYTES);
        }
        network::domain_prefixed_path(&controller, &mut errs);
        let parameters = spec.child("parameters");
        if parameters.exists() {
            for field in ["kind", "name"] {
                parameters.child(field).require(&mut errs);
            }
            let (scope, namespace) = (parameters.child("scope"), parameters.child("namespace"));
            scope.one_of(&["Cluster", "Namespace"], &mut errs);
            match scope.text() {
                "Namespace" if namespace.is_empty() => {
                    errs.required_because(&namespace, "`parameters.scope` is set to 'Namespace'");
                }
                "Namespace" => namespace.check(names::is_dns1123_label, &mut errs),
                "Cluster" if namespace.exists() => {
                    errs.forbidden(&namespace, "`parameters.scope` is set to 'Cluster'");
                }
                _ => {}
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        immutable(&At::root(new).child("spec").child("controller"), old.pointer("/spec/controller"), &mut errs);
        errs.extend(self.validate(new));
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/spec/controller").into(), parameters(obj).into(), age(obj, now)]
    }
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
        check(&IngressClass, json!({"spec": {"controller": "a.io/b"}}), &[]);
        check(
            &IngressClass,
            json!({"spec": {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}}}),
            &["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        );
        check_update(
            &IngressClass,
            json!({"spec": {"controller": "a.io/b"}}),
            json!({"spec": {"controller": "a.io/c"}}),
            &["spec.controller: Invalid value: \"a.io/c\": field is immutable"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &IngressClass,
            &json!({"metadata": {"name": "i"}, "spec": {"controller": "a.io/b", "parameters": {"apiGroup": "g", "kind": "K", "name": "n"}}}),
            &["i", "a.io/b", "K.g/n", "<unknown>"],
        );
    }
}
