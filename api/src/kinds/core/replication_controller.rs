//! ReplicationController.

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::apps::{replica_set, workload};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::values::{ensure, fill, is_zero, set};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::podspec::template;
use crate::kinds::strategy::DeletePolicy;

/// The strategy of ReplicationController.
pub static REPLICATION_CONTROLLER: Kind = Kind {
    status: Status::Starting(|| json!({"replicas": 0})),
    default,
    validate,
    validate_status: |new, _, errs| replica_set::status_counts(new, errs),
    warnings: workload::warnings,
    columns: &[
        Column::NAME,
        workload::DESIRED,
        workload::CURRENT,
        workload::READY_PODS,
        Column::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        Column::labels("Selector", "/spec/selector", "Labels of the pods this controller manages.").wide(),
    ],
    selectable: &[Selectable::count("status.replicas", "/status/replicas")],
    delete_policy: DeletePolicy::Orphan,
    scale: true,
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    let labels = obj.pointer("/spec/template/metadata/labels").filter(|l| !is_zero(Some(l))).cloned();
    if let Some(spec) = ensure(obj, "spec") {
        fill(spec, "replicas", 1);
        template::default(spec);
        if let Some(labels) = labels.clone().filter(|_| is_zero(spec.get("selector"))) {
            set(spec, "selector", labels);
        }
    }
    if let Some(labels) = labels
        && let Some(meta) = ensure(obj, "metadata")
        && is_zero(meta.get("labels"))
    {
        set(meta, "labels", labels);
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    spec.child("minReadySeconds").non_negative(errs);
    let selector = spec.child("selector");
    selector.require(errs);
    spec.child("replicas").non_negative(errs);
    let template = spec.child("template");
    if !template.exists() {
        errs.required(&template);
        return;
    }
    let labels = template.child("metadata").child("labels");
    let selected = selector.entries().all(|(key, value)| labels.key(key).value == value.value);
    if !selector.is_empty() && !selected {
        errs.invalid_value(&labels, template::shown_labels(&labels), "`selector` does not match template `labels`");
    }
    template::validate_lasting(&template, "ReplicationController", errs);
}
