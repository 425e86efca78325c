//! Deployment.

use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::generation;
use crate::kinds::common::values::{ensure, fill, fill_zero, text};
use crate::kinds::kind::{Generation, Kind, Status};

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

/// The strategy of Deployment.
pub static DEPLOYMENT: Kind = Kind {
    status: Status::Starting(|| json!({})),
    // Rollbacks and the controller's bookkeeping show in annotations, so those count as well.
    generation: Generation::DesiredAnd("annotations"),
    default,
    prepare_status_update,
    validate,
    immutable: &["spec.selector"],
    validate_status,
    warnings: workload::warnings,
    columns: &[
        Column::NAME,
        workload::READY,
        Column::count("Up-to-date", "/status/updatedReplicas", "Number of pods that have the desired template.")
            .typed("string"),
        Column::count(
            "Available",
            "/status/availableReplicas",
            "Number of pods that are ready for at least minReadySeconds.",
        )
        .typed("string"),
        Column::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        workload::SELECTOR,
    ],
    scale: true,
    ..Kind::DATA
};

fn default(obj: &mut Value) {
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

fn prepare_status_update(new: &mut Value, old: &Value) {
    generation::keep_desired(new, old);
    generation::carry_metadata(new, old, "labels");
    generation::carry_metadata(new, old, "generation");
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    spec.child("replicas").non_negative(errs);
    if workload::selector(&spec.child("selector"), "deployment", errs) {
        workload::lasting_template(&spec, "ReplicaSet", errs);
    }
    strategy(&spec.child("strategy"), errs);
    spec.child("minReadySeconds").non_negative(errs);
    spec.child("revisionHistoryLimit").non_negative(errs);
    let deadline = spec.child("progressDeadlineSeconds");
    deadline.non_negative(errs);
    if deadline.i64().is_some_and(|seconds| seconds <= spec.child("minReadySeconds").i64().unwrap_or(0)) {
        errs.invalid(&deadline, "must be greater than minReadySeconds");
    }
}

fn validate_status(new: &Value, old: &Value, errs: &mut Errors) {
    workload::status_counts(new, COUNTS, &["updatedReplicas", "readyReplicas", "availableReplicas"], errs);
    workload::collisions_never_fewer(new, old, errs);
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
