//! Deployment.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::common::values::{ensure, fill, fill_zero, int, same, set, text};
use crate::kinds::common::{generation, metadata};
use crate::kinds::printing;
use crate::kinds::scale::ScalePaths;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of Deployment.
pub struct Deployment;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Ready", "string", "Number of the pod with ready state"),
    Column::new("Up-to-date", "string", "Number of pods that have the desired template."),
    Column::new("Available", "string", "Number of pods that are ready for at least minReadySeconds."),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    workload::SELECTOR,
];

const COUNTS: &[&str] = &[
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
];

impl Strategy for Deployment {
    fn default(&self, obj: &mut Value) {
        let Some(spec) = workload::default_spec(obj) else { return };
        fill(spec, "replicas", 1);
        fill(spec, "revisionHistoryLimit", 10);
        fill(spec, "progressDeadlineSeconds", 600);
        let Some(strategy) = ensure(spec, "strategy") else { return };
        fill_zero(strategy, "type", "RollingUpdate");
        if text(strategy, "/type") == "RollingUpdate"
            && let Some(rolling) = ensure(strategy, "rollingUpdate")
        {
            fill(rolling, "maxUnavailable", "25%");
            fill(rolling, "maxSurge", "25%");
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(obj, "status", Map::new());
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
        // Rollbacks and the controller's bookkeeping show in annotations, so those count as well.
        let annotations = |o: &Value| o.pointer("/metadata/annotations").cloned();
        let before = int(old, "/metadata/generation").unwrap_or(0);
        let same_generation = int(new, "/metadata/generation").unwrap_or(0) == before;
        if same_generation && !same(annotations(new).as_ref(), annotations(old).as_ref()) {
            generation::set(new, before.saturating_add(1));
        }
    }

    fn prepare_status_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_desired(new, old);
        generation::carry_metadata(new, old, "labels");
        generation::carry_metadata(new, old, "generation");
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        spec.child("replicas").non_negative(&mut errs);
        if workload::selector(&spec.child("selector"), "deployment", &mut errs) {
            workload::lasting_template(&spec, "ReplicaSet", &mut errs);
        }
        strategy(&spec.child("strategy"), &mut errs);
        spec.child("minReadySeconds").non_negative(&mut errs);
        spec.child("revisionHistoryLimit").non_negative(&mut errs);
        let deadline = spec.child("progressDeadlineSeconds");
        deadline.non_negative(&mut errs);
        if deadline.i64().is_some_and(|seconds| seconds <= spec.child("minReadySeconds").i64().unwrap_or(0)) {
            errs.invalid(&deadline, "must be greater than minReadySeconds");
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        metadata::immutable(&At::root(new).child("spec").child("selector"), old.pointer("/spec/selector"), &mut errs);
        errs
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = workload::status_counts(new, COUNTS, &["updatedReplicas", "readyReplicas", "availableReplicas"]);
        workload::collisions_never_fewer(new, old, &mut errs);
        errs
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        workload::warnings(obj)
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let number = |pointer| int(obj, pointer).unwrap_or(0);
        let [names, images, selector] = workload::wide_cells(obj);
        vec![
            printing::name(obj),
            format!("{}/{}", number("/status/readyReplicas"), number("/spec/replicas")).into(),
            number("/status/updatedReplicas").into(),
            number("/status/availableReplicas").into(),
            printing::age(obj, now),
            names,
            images,
            selector,
        ]
    }

    fn scale(&self) -> Option<ScalePaths> {
        Some(ScalePaths::WORKLOAD)
    }
}

fn strategy(at: &At<'_>, errs: &mut Errors) {
    let rolling = at.child("rollingUpdate");
    match at.child("type").text() {
        "Recreate" if rolling.exists() => {
            errs.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
            workload::int_or_percent(&unavailable, errs);
            workload::int_or_percent(&surge, errs);
            if workload::amount(&unavailable) == 0 && workload::amount(&surge) == 0 {
                errs.invalid_value(
                    &unavailable,
                    unavailable.value.cloned().unwrap_or_else(|| json!(0)),
                    "may not be 0 when `maxSurge` is 0",
                );
            }
            workload::at_most_100_percent(&unavailable, errs);
        }
        _ => errs.not_supported(at, &["Recreate", "RollingUpdate"]),
    }
}
