//! StatefulSet.

use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{each, ensure, fill, fill_zero, same, text, within};
use crate::kinds::common::{generation, metadata};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::podspec::{template, volume_defaults};

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

/// The strategy of StatefulSet.
pub static STATEFUL_SET: Kind = Kind {
    status: Status::Starting(|| json!({"replicas": 0, "availableReplicas": 0})),
    default,
    validate,
    validate_update: Some(validate_update),
    validate_status,
    warnings: workload::warnings,
    columns: &[Column::NAME, workload::READY, Column::AGE, workload::CONTAINERS, workload::IMAGES],
    scale: true,
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
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

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    policies(&spec, errs);
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        spec.child(field).non_negative(errs);
    }
    spec.child("ordinals").child("start").non_negative(errs);
    if workload::selector(&spec.child("selector"), "statefulset", errs) {
        pod_template(&spec, errs);
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
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
}

fn validate_status(new: &Value, old: &Value, errs: &mut Errors) {
    let within = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    workload::status_counts(new, COUNTS, &within, errs);
    workload::collisions_never_fewer(new, old, errs);
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
        retention.child(field).require_one_of(&["Retain", "Delete"], errs);
    }
}

/// The pod itself is checked when it is made, because its volumes come from the claim templates.
fn pod_template(spec: &At<'_>, errs: &mut Errors) {
    let pod = spec.child("template");
    template::validate_selected(&pod, &spec.child("selector"), errs);
    metadata::labels(&At::new(pod.child("metadata").child("labels").value, pod.path.child("labels")), errs);
    metadata::annotations(
        &At::new(pod.child("metadata").child("annotations").value, pod.path.child("annotations")),
        errs,
    );
    template::restarts_always(&pod, "StatefulSet", errs);
}
