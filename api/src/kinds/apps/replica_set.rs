//! ReplicaSet.

use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::values::fill;
use crate::kinds::kind::{Kind, Status};

/// Validates the counts in the status of a ReplicaSet or ReplicationController.
pub fn status_counts(obj: &Value, errs: &mut Errors) {
    let within = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "terminatingReplicas",
        "observedGeneration",
    ];
    workload::status_counts(obj, &counts, &within, errs);
}

/// The strategy of ReplicaSet.
pub static REPLICA_SET: Kind = Kind {
    status: Status::Starting(|| json!({"replicas": 0})),
    default,
    validate,
    immutable: &["spec.selector"],
    validate_status: |new, _, errs| status_counts(new, errs),
    warnings: workload::warnings,
    columns: &[
        Column::NAME,
        workload::DESIRED,
        workload::CURRENT,
        workload::READY_PODS,
        Column::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        workload::SELECTOR,
    ],
    selectable: &[Selectable::count("status.replicas", "/status/replicas")],
    scale: true,
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    if let Some(spec) = workload::default_spec(obj) {
        fill(spec, "replicas", 1);
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    spec.child("replicas").non_negative(errs);
    spec.child("minReadySeconds").non_negative(errs);
    if workload::selector(&spec.child("selector"), "deployment", errs) {
        workload::lasting_template(&spec, "ReplicaSet", errs);
    }
}
