//! Namespace (`pkg/registry/core/namespace @ v1.36`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::common::generation::{carry, keep_all_but_status};
use crate::kinds::common::values::{ensure, set, text};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::{meta, names};

/// The behaviour of Namespaces.
pub struct Namespace;

/// Finalizer in `spec.finalizers` that the namespace controller removes when nothing is left.
pub const FINALIZER: &str = "kubernetes";

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const COLUMNS: &[Column] =
    &[Column::NAME, Column::new("Status", "string", "Phase of the namespace's life."), Column::AGE];

impl Strategy for Namespace {
    fn default(&self, obj: &mut Value) {
        let name = meta::name(obj).to_owned();
        if !name.is_empty() {
            meta::set_label(obj, NAME_LABEL, &name);
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        self.default(obj);
        set(obj, "status", json!({"phase": "Active"}));
        let Some(spec) = ensure(obj, "spec") else { return };
        let mut finalizers = spec.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
        if !finalizers.iter().any(|f| f == FINALIZER) {
            finalizers.push(FINALIZER.into());
        }
        set(spec, "finalizers", finalizers);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        carry(new, old, "spec");
        carry(new, old, "status");
    }

    fn prepare_status_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_all_but_status(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        for finalizer in At::root(obj).child("spec").child("finalizers").items() {
            finalizer.check(names::is_qualified_name, &mut errs);
            if finalizer.text() != FINALIZER && !finalizer.text().contains('/') {
                errs.invalid(&finalizer, "name is neither a standard finalizer name nor is it fully qualified");
            }
        }
        errs
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        let mut errs = Errors::new();
        let phase = At::root(new).child("status").child("phase");
        let deleting = meta::is_being_deleted(new);
        if !deleting && phase.text() != "Active" {
            errs.invalid_value(&phase, phase.text(), "may only be 'Active' if `deletionTimestamp` is empty");
        }
        if deleting && phase.text() != "Terminating" {
            errs.invalid_value(&phase, phase.text(), "may only be 'Terminating' if `deletionTimestamp` is not empty");
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/status/phase").into(), age(obj, now)]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["status.phase", "name"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("status.phase", text(obj, "/status/phase").into()), ("name", meta::name(obj).into())]
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        names::is_dns1123_label(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, context};

    #[test]
    fn a_new_namespace_is_active_and_finalized_by_the_controller() {
        let mut obj = json!({"metadata": {"name": "a"}, "status": {"phase": "x"}});
        Namespace.prepare_create(&context(), &mut obj);
        assert_eq!(
            obj,
            json!({
                "metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            })
        );
        let mut new = json!({"metadata": {"name": "a"}, "spec": {"finalizers": []}});
        Namespace.prepare_update(&context(), &mut new, &obj);
        assert_eq!(new["spec"], obj["spec"]);
    }

    #[test]
    fn phases_follow_the_deletion() {
        let phase = |obj: Value| {
            Namespace.validate_status_update(&obj, &obj).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(phase(json!({"status": {"phase": "Active"}})).is_empty());
        assert_eq!(
            phase(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Active"}})),
            ["status.phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"]
        );
        check(
            &Namespace,
            json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["foo"]}}),
            &[
                "spec.finalizers[0]: Invalid value: \"foo\": name is neither a standard finalizer name nor is it fully qualified",
            ],
        );
    }
}
