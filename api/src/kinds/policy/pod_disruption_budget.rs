//! PodDisruptionBudget.

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::apps::workload;
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::kind::{Kind, Status};
use crate::names;

const COUNTS: &[&str] = &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];

/// The strategy of PodDisruptionBudget.
pub static POD_DISRUPTION_BUDGET: Kind = Kind {
    status: Status::Starting(
        || json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
    ),
    validate,
    validate_status: |new, _, errs| workload::status_counts(new, COUNTS, &[], errs),
    columns: &[
        Column::NAME,
        Column::shown(
            "Min Available",
            |obj| limit(obj, "/spec/minAvailable"),
            "The minimum number of pods that must be available.",
        ),
        Column::shown(
            "Max Unavailable",
            |obj| limit(obj, "/spec/maxUnavailable"),
            "The maximum number of pods that may be unavailable.",
        ),
        Column::count(
            "Allowed Disruptions",
            "/status/disruptionsAllowed",
            "Calculated number of pods that may be disrupted at this time.",
        ),
        Column::AGE,
    ],
    name: names::is_path_segment_name,
    unconditional_update: false,
    ..Kind::COUNTED
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let (min, max) = (spec.child("minAvailable"), spec.child("maxUnavailable"));
    if min.exists() && max.exists() {
        errs.invalid(&spec, "minAvailable and maxUnavailable cannot be both set");
    }
    for at in [min, max] {
        workload::int_or_percent(&at, errs);
        workload::at_most_100_percent(&at, errs);
    }
    selector::validate(&spec.child("selector"), errs);
    spec.child("unhealthyPodEvictionPolicy").one_of(&["AlwaysAllow", "IfHealthyBudget"], errs);
}

fn limit(obj: &Value, pointer: &str) -> String {
    match obj.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "N/A".to_owned(),
    }
}
