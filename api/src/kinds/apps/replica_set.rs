//! ReplicaSet.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::common::values::{fill, int, set};
use crate::kinds::common::{generation, metadata};
use crate::kinds::printing;
use crate::kinds::scale::ScalePaths;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of ReplicaSet.
pub struct ReplicaSet;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Desired", "integer", "Number of pods that should run."),
    Column::new("Current", "integer", "Number of pods that exist."),
    Column::new("Ready", "integer", "Number of pods that are ready."),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    workload::SELECTOR,
];

/// Validates the counts in the status of a ReplicaSet or ReplicationController.
pub fn status_counts(obj: &Value) -> Errors {
    let within = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "terminatingReplicas",
        "observedGeneration",
    ];
    workload::status_counts(obj, &counts, &within)
}

impl Strategy for ReplicaSet {
    fn default(&self, obj: &mut Value) {
        if let Some(spec) = workload::default_spec(obj) {
            fill(spec, "replicas", 1);
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(obj, "status", json!({"replicas": 0}));
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        spec.child("replicas").non_negative(&mut errs);
        spec.child("minReadySeconds").non_negative(&mut errs);
        if workload::selector(&spec.child("selector"), "deployment", &mut errs) {
            workload::lasting_template(&spec, "ReplicaSet", &mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        metadata::immutable(&At::root(new).child("spec").child("selector"), old.pointer("/spec/selector"), &mut errs);
        errs
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        status_counts(new)
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        workload::warnings(obj)
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let [names, images, selector] = workload::wide_cells(obj);
        vec![
            printing::name(obj),
            workload::count(obj, "/spec/replicas"),
            workload::count(obj, "/status/replicas"),
            workload::count(obj, "/status/readyReplicas"),
            printing::age(obj, now),
            names,
            images,
            selector,
        ]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("status.replicas", int(obj, "/status/replicas").unwrap_or(0).to_string().into())]
    }

    fn scale(&self) -> Option<ScalePaths> {
        Some(ScalePaths::WORKLOAD)
    }
}
