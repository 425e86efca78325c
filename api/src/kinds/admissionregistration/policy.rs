//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy (`pkg/apis/admissionregistration/validation @ v1.36`).

use serde_json::Value;

use super::matching;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{text, within};
use crate::kinds::kind::Kind;
use crate::kinds::printing::UNSET;

/// The behaviour of ValidatingAdmissionPolicies.
pub static VALIDATING_ADMISSION_POLICY: Kind = Kind {
    default: |obj| within(obj, "spec", matching::default_policy),
    validate: validating,
    columns: &[
        Column::NAME,
        Column::len("Validations", "/spec/validations", "Number of validations."),
        PARAM_KIND,
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::SPEC_STATUS
};

/// The behaviour of MutatingAdmissionPolicies.
pub static MUTATING_ADMISSION_POLICY: Kind = Kind {
    default: |obj| within(obj, "spec", matching::default_policy),
    validate: mutating,
    columns: &[
        Column::NAME,
        Column::len("Mutations", "/spec/mutations", "Number of mutations."),
        PARAM_KIND,
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::COUNTED
};

const PARAM_KIND: Column = Column::shown("ParamKind", param_kind, "Kind of the parameters.");

fn validating(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    common(&spec, errs);
    let (validations, audits) = (spec.child("validations"), spec.child("auditAnnotations"));
    if validations.is_empty() && audits.is_empty() {
        errs.required_because(&validations, "validations or auditAnnotations must be non-empty");
        errs.required_because(&audits, "validations or auditAnnotations must be non-empty");
    }
    for validation in validations.items() {
        if validation.child("expression").text().trim().is_empty() {
            errs.required_because(&validation.child("expression"), "expression is not specified");
        }
        validation.child("reason").one_of(&["Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"], errs);
    }
    for audit in audits.items() {
        for field in ["key", "valueExpression"] {
            audit.child(field).require(errs);
        }
    }
}

fn mutating(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    common(&spec, errs);
    let mutations = spec.child("mutations");
    mutations.require_because("mutations must contain at least one item", errs);
    for mutation in mutations.items() {
        let kind = mutation.child("patchType");
        kind.require_one_of(&["ApplyConfiguration", "JSONPatch"], errs);
        match kind.text() {
            "ApplyConfiguration" => mutation.at("applyConfiguration.expression").require(errs),
            "JSONPatch" => mutation.at("jsonPatch.expression").require(errs),
            _ => true,
        };
    }
    spec.child("reinvocationPolicy").require_one_of(&["IfNeeded", "Never"], errs);
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

fn param_kind(obj: &Value) -> String {
    match obj.pointer("/spec/paramKind").filter(|p| p.is_object()) {
        Some(kind) => format!("{}/{}", text(kind, "/apiVersion"), text(kind, "/kind")),
        None => UNSET.to_owned(),
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
            &VALIDATING_ADMISSION_POLICY,
            json!({"spec": {"matchConstraints": constraints, "validations": [{"expression": "true"}]}}),
            &[],
        );
        check(
            &VALIDATING_ADMISSION_POLICY,
            json!({"spec": {"auditAnnotations": [{"key": "a", "valueExpression": "b"}]}}),
            &["spec.matchConstraints: Required value"],
        );
        check(
            &MUTATING_ADMISSION_POLICY,
            json!({"spec": {"matchConstraints": constraints, "reinvocationPolicy": "Never", "mutations": [{"patchType": "X"}]}}),
            &[
                "spec.mutations[0].patchType: Unsupported value: \"X\": supported values: \"ApplyConfiguration\", \"JSONPatch\"",
            ],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &VALIDATING_ADMISSION_POLICY,
            &json!({"metadata": {"name": "p"}, "spec": {"validations": [{}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}}),
            &["p", "1", "v1/ConfigMap", "<unknown>"],
        );
    }
}
