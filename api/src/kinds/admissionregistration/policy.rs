//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy (`pkg/apis/admissionregistration/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use super::matching;
use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::values::{list, text, within};
use crate::kinds::printing::{UNSET, age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of ValidatingAdmissionPolicies.
pub struct ValidatingAdmissionPolicy;

/// The behaviour of MutatingAdmissionPolicies.
pub struct MutatingAdmissionPolicy;

const VALIDATING: &[Column] = &[
    Column::NAME,
    Column::new("Validations", "integer", "Number of validations."),
    Column::new("ParamKind", "string", "Kind of the parameters."),
    Column::AGE,
];
const MUTATING: &[Column] = &[
    Column::NAME,
    Column::new("Mutations", "integer", "Number of mutations."),
    Column::new("ParamKind", "string", "Kind of the parameters."),
    Column::AGE,
];

impl Strategy for ValidatingAdmissionPolicy {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", matching::default_policy);
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        common(&spec, &mut errs);
        let (validations, audits) = (spec.child("validations"), spec.child("auditAnnotations"));
        if validations.is_empty() && audits.is_empty() {
            errs.required_because(&validations, "validations or auditAnnotations must be non-empty");
            errs.required_because(&audits, "validations or auditAnnotations must be non-empty");
        }
        for validation in validations.items() {
            if validation.child("expression").text().trim().is_empty() {
                errs.required_because(&validation.child("expression"), "expression is not specified");
            }
            let reasons = ["Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"];
            validation.child("reason").one_of(&reasons, &mut errs);
        }
        for audit in audits.items() {
            for field in ["key", "valueExpression"] {
                audit.child(field).require(&mut errs);
            }
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        VALIDATING
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), list(obj, "/spec/validations").len().into(), param_kind(obj), age(obj, now)]
    }
}

impl Strategy for MutatingAdmissionPolicy {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", matching::default_policy);
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
        common(&spec, &mut errs);
        let mutations = spec.child("mutations");
        if mutations.is_empty() {
            errs.required_because(&mutations, "mutations must contain at least one item");
        }
        for mutation in mutations.items() {
            let kind = mutation.child("patchType");
            match kind.text() {
                "" => errs.required(&kind),
                "ApplyConfiguration" => {
                    mutation.child("applyConfiguration").child("expression").require(&mut errs);
                }
                "JSONPatch" => {
                    mutation.child("jsonPatch").child("expression").require(&mut errs);
                }
                _ => errs.not_supported(&kind, &["ApplyConfiguration", "JSONPatch"]),
            }
        }
        let again = spec.child("reinvocationPolicy");
        if again.require(&mut errs) {
            again.one_of(&["IfNeeded", "Never"], &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        MUTATING
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), list(obj, "/spec/mutations").len().into(), param_kind(obj), age(obj, now)]
    }
}

fn common(spec: &At<'_>, errs: &mut Errors) {
    spec.child("failurePolicy").one_of(&["Fail", "Ignore"], errs);
    matching::param_kind(&spec.child("paramKind"), errs);
    let constraints = spec.child("matchConstraints");
    if constraints.exists() {
        matching::constraints(&constraints, errs);
        let rules = constraints.child("resourceRules");
        if rules.is_empty() {
            errs.required(&rules);
        }
    } else {
        errs.required(&constraints);
    }
    matching::conditions(&spec.child("matchConditions"), errs);
    for variable in spec.child("variables").items() {
        for field in ["name", "expression"] {
            variable.child(field).require(errs);
        }
    }
}

fn param_kind(obj: &Value) -> Value {
    match obj.pointer("/spec/paramKind").filter(|p| p.is_object()) {
        Some(kind) => format!("{}/{}", text(kind, "/apiVersion"), text(kind, "/kind")).into(),
        None => UNSET.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn fields() {
        let constraints = json!({"resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]});
        check(
            &ValidatingAdmissionPolicy,
            json!({"spec": {"matchConstraints": constraints, "validations": [{"expression": "true"}]}}),
            &[],
        );
        check(
            &ValidatingAdmissionPolicy,
            json!({"spec": {"auditAnnotations": [{"key": "a", "valueExpression": "b"}]}}),
            &["spec.matchConstraints: Required value"],
        );
        check(
            &MutatingAdmissionPolicy,
            json!({"spec": {"matchConstraints": constraints, "reinvocationPolicy": "Never", "mutations": [{"patchType": "X"}]}}),
            &[
                "spec.mutations[0].patchType: Unsupported value: \"X\": supported values: \"ApplyConfiguration\", \"JSONPatch\"",
            ],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &ValidatingAdmissionPolicy,
            &json!({"metadata": {"name": "p"}, "spec": {"validations": [{}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}}),
            &["p", "1", "v1/ConfigMap", "<unknown>"],
        );
    }
}
