//! PodDisruptionBudget.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::apps::workload;
use crate::kinds::common::values::set;
use crate::kinds::common::{generation, selector};
use crate::kinds::printing;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of PodDisruptionBudget.
pub struct PodDisruptionBudget;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Min Available", "string", "The minimum number of pods that must be available."),
    Column::new("Max Unavailable", "string", "The maximum number of pods that may be unavailable."),
    Column::new("Allowed Disruptions", "integer", "Calculated number of pods that may be disrupted at this time."),
    Column::AGE,
];

const COUNTS: &[&str] = &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];

impl Strategy for PodDisruptionBudget {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(
            obj,
            "status",
            json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
        );
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let (min, max) = (spec.child("minAvailable"), spec.child("maxUnavailable"));
        if min.exists() && max.exists() {
            errs.invalid(&spec, "minAvailable and maxUnavailable cannot be both set");
        }
        for at in [min, max] {
            workload::int_or_percent(&at, &mut errs);
            workload::at_most_100_percent(&at, &mut errs);
        }
        selector::validate(&spec.child("selector"), &mut errs);
        spec.child("unhealthyPodEvictionPolicy").one_of(&["AlwaysAllow", "IfHealthyBudget"], &mut errs);
        errs
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        workload::status_counts(new, COUNTS, &[])
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let limit = |pointer| match obj.pointer(pointer) {
            Some(Value::String(text)) => Value::from(text.as_str()),
            Some(Value::Number(number)) => number.to_string().into(),
            _ => "N/A".into(),
        };
        vec![
            printing::name(obj),
            limit("/spec/minAvailable"),
            limit("/spec/maxUnavailable"),
            workload::count(obj, "/status/disruptionsAllowed"),
            printing::age(obj, now),
        ]
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
