//! StatefulSet.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::common::values::{each, ensure, fill, fill_zero, int, same, set, text, within};
use crate::kinds::common::{checks, generation, metadata};
use crate::kinds::podspec::{template, volume_defaults};
use crate::kinds::printing;
use crate::kinds::scale::ScalePaths;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of StatefulSet.
pub struct StatefulSet;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Ready", "string", "Number of the pod with ready state"),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
];

/// Fields of the spec that an update may change.
const MUTABLE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

const COUNTS: &[&str] = &[
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
    "observedGeneration",
    "collisionCount",
];

impl Strategy for StatefulSet {
    fn default(&self, obj: &mut Value) {
        let Some(spec) = workload::default_spec(obj) else { return };
        fill_zero(spec, "podManagementPolicy", "OrderedReady");
        if let Some(strategy) = ensure(spec, "updateStrategy") {
            fill_zero(strategy, "type", "RollingUpdate");
            if text(strategy, "/type") == "RollingUpdate"
                && let Some(rolling) = ensure(strategy, "rollingUpdate")
            {
                fill(rolling, "partition", 0);
            }
        }
        if let Some(policy) = ensure(spec, "persistentVolumeClaimRetentionPolicy") {
            fill_zero(policy, "whenDeleted", "Retain");
            fill_zero(policy, "whenScaled", "Retain");
        }
        fill(spec, "replicas", 1);
        fill(spec, "revisionHistoryLimit", 10);
        each(spec, "volumeClaimTemplates", |claim| {
            fill(claim, "apiVersion", "v1");
            fill(claim, "kind", "PersistentVolumeClaim");
            within(claim, "spec", volume_defaults::claim_spec);
            fill(claim, "status", json!({"phase": "Pending"}));
        });
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(obj, "status", json!({"replicas": 0, "availableReplicas": 0}));
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        policies(&spec, &mut errs);
        for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
            spec.child(field).non_negative(&mut errs);
        }
        spec.child("ordinals").child("start").non_negative(&mut errs);
        if workload::selector(&spec.child("selector"), "statefulset", &mut errs) {
            pod_template(&spec, &mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        let (wanted, stored) = (new.get("spec").unwrap_or(&Value::Null), old.get("spec").unwrap_or(&Value::Null));
        let mut allowed = wanted.clone();
        for field in MUTABLE {
            generation::carry(&mut allowed, stored, field);
        }
        if !same(Some(&allowed), Some(stored)) {
            errs.forbidden(
                &At::root(new).child("spec"),
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
                 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            );
        }
        errs
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Errors {
        let within = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
        let mut errs = workload::status_counts(new, COUNTS, &within);
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
        let [names, images, _] = workload::wide_cells(obj);
        vec![
            printing::name(obj),
            format!("{}/{}", number("/status/readyReplicas"), number("/spec/replicas")).into(),
            printing::age(obj, now),
            names,
            images,
        ]
    }

    fn scale(&self) -> Option<ScalePaths> {
        Some(ScalePaths::WORKLOAD)
    }
}

fn policies(spec: &At<'_>, errs: &mut Errors) {
    let management = spec.child("podManagementPolicy");
    if management.require(errs) && !["OrderedReady", "Parallel"].contains(&management.text()) {
        errs.invalid(&management, "must be 'OrderedReady' or 'Parallel'");
    }
    let strategy = spec.child("updateStrategy");
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "" => errs.required(&strategy),
        "OnDelete" if rolling.exists() => errs.invalid(&rolling, "only allowed for updateStrategy 'RollingUpdate'"),
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.child("partition").non_negative(errs);
            let unavailable = rolling.child("maxUnavailable");
            workload::int_or_percent(&unavailable, errs);
            if unavailable.exists() && workload::amount(&unavailable) == 0 {
                errs.invalid(&unavailable, "cannot be 0");
            }
            workload::at_most_100_percent(&unavailable, errs);
        }
        _ => errs.invalid(&strategy, "must be 'RollingUpdate' or 'OnDelete'"),
    }
    let retention = spec.child("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        checks::required_choice(&retention.child(field), &["Retain", "Delete"], errs);
    }
}

/// The pod itself is checked when it is made, because its volumes come from the claim templates.
fn pod_template(spec: &At<'_>, errs: &mut Errors) {
    let pod = spec.child("template");
    if spec.child("selector").exists() {
        template::validate_selected(&pod, &spec.child("selector"), errs);
    }
    metadata::labels(&At::new(pod.child("metadata").child("labels").value, pod.path.child("labels")), errs);
    metadata::annotations(
        &At::new(pod.child("metadata").child("annotations").value, pod.path.child("annotations")),
        errs,
    );
    template::restarts_always(&pod, "StatefulSet", errs);
}
