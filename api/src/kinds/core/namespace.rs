//! Namespace (`pkg/registry/core/namespace @ v1.36`).

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::generation::{carry, keep_all_but_status};
use crate::kinds::common::values::{ensure, set};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::strategy::Context;
use crate::{meta, names};

/// Finalizer in `spec.finalizers` that the namespace controller removes when nothing is left.
pub const FINALIZER: &str = "kubernetes";

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The behaviour of Namespaces.
pub static NAMESPACE: Kind = Kind {
    status: Status::Starting(|| json!({"phase": "Active"})),
    default,
    prepare_create,
    prepare_update: |new, old| carry(new, old, "spec"),
    prepare_status_update: keep_all_but_status,
    validate,
    validate_status,
    columns: &[Column::NAME, Column::text("Status", "/status/phase", "Phase of the namespace's life."), Column::AGE],
    selectable: &[Selectable::text("status.phase", "/status/phase"), Selectable::text("name", "/metadata/name")],
    name: names::is_dns1123_label,
    subresources: &[("finalize", &FINALIZE)],
    ..Kind::DATA
};

/// What the finalize subresource writes: all but the status.
static FINALIZE: Kind = Kind { default, validate, name: names::is_dns1123_label, ..Kind::STATUS };

fn default(obj: &mut Value) {
    let name = meta::name(obj).to_owned();
    if !name.is_empty() {
        meta::set_label(obj, NAME_LABEL, &name);
    }
}

fn prepare_create(_cx: &Context, obj: &mut Value) {
    default(obj);
    let Some(spec) = ensure(obj, "spec") else { return };
    let mut finalizers = spec.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    if !finalizers.iter().any(|f| f == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    set(spec, "finalizers", finalizers);
}

fn validate(obj: &Value, errs: &mut Errors) {
    for finalizer in At::root(obj).child("spec").child("finalizers").items() {
        finalizer.check(names::is_qualified_name, errs);
        if finalizer.text() != FINALIZER && !finalizer.text().contains('/') {
            errs.invalid(&finalizer, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

fn validate_status(new: &Value, _old: &Value, errs: &mut Errors) {
    let phase = At::root(new).child("status").child("phase");
    let deleting = meta::is_being_deleted(new);
    if !deleting && phase.text() != "Active" {
        errs.invalid_value(&phase, phase.text(), "may only be 'Active' if `deletionTimestamp` is empty");
    }
    if deleting && phase.text() != "Terminating" {
        errs.invalid_value(&phase, phase.text(), "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, context};

    #[test]
    fn a_new_namespace_is_active_and_finalized_by_the_controller() {
        let mut obj = json!({"metadata": {"name": "a"}, "status": {"phase": "x"}});
        NAMESPACE.prepare_create(&context(), &mut obj);
        assert_eq!(
            obj,
            json!({
                "metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            })
        );
        let mut new = json!({"metadata": {"name": "a"}, "spec": {"finalizers": []}});
        NAMESPACE.prepare_update(&context(), &mut new, &obj);
        assert_eq!(new["spec"], obj["spec"]);
    }

    #[test]
    fn phases_follow_the_deletion() {
        let phase = |obj: Value| {
            NAMESPACE.validate_status_update(&obj, &obj).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(phase(json!({"status": {"phase": "Active"}})).is_empty());
        assert_eq!(
            phase(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Active"}})),
            ["status.phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"]
        );
        check(
            &NAMESPACE,
            json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["foo"]}}),
            &[
                "spec.finalizers[0]: Invalid value: \"foo\": name is neither a standard finalizer name nor is it fully qualified",
            ],
        );
    }
}
