//! Validation of HorizontalPodAutoscaler (`pkg/apis/autoscaling/validation/validation.go @ v1.36`).

use serde_json::Value;

use super::horizontal_pod_autoscaler::source;
use crate::field::{At, Errors};
use crate::kinds::common::checks::positive;
use crate::kinds::common::selector;
use crate::names;
use crate::quantity::Quantity;

/// Validates the spec.
pub fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let (min, max) = (spec.child("minReplicas"), spec.child("maxReplicas"));
    if min.i64().is_some_and(|n| n < 1) {
        errs.invalid(&min, "must be greater than or equal to 1");
    }
    let most = max.i64().unwrap_or(0);
    if most < 1 {
        errs.invalid_value(&max, most, "must be greater than 0");
    }
    if min.i64().is_some_and(|least| most < least) {
        errs.invalid_value(&max, most, "must be greater than or equal to `minReplicas`");
    }
    reference(&spec.child("scaleTargetRef"), errs);
    for metric in spec.child("metrics").items() {
        self::metric(&metric, errs);
    }
    let behavior = spec.child("behavior");
    for direction in ["scaleUp", "scaleDown"] {
        rules(&behavior.child(direction), errs);
    }
}

/// Validates the status.
pub fn validate_status(obj: &Value, errs: &mut Errors) {
    let status = At::root(obj).child("status");
    for field in ["currentReplicas", "desiredReplicas"] {
        status.child(field).non_negative(errs);
    }
}

fn reference(at: &At<'_>, errs: &mut Errors) {
    for field in ["kind", "name"] {
        at.child(field).require_valid(names::is_path_segment_name, errs);
    }
}

fn metric(at: &At<'_>, errs: &mut Errors) {
    const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = at.child("type");
    kind.require_because("must specify a metric source type", errs);
    let Some(field) = source(kind.text()) else {
        errs.not_supported_value(&kind, kind.text(), TYPES);
        return;
    };
    let source = at.child(field);
    if !source.exists() {
        errs.required_because(
            &source,
            format!("must populate information for the given metric source ({})", kind.text()),
        );
        return;
    }
    match field {
        "resource" | "containerResource" => {
            if source.child("name").is_empty() {
                errs.required_because(&source.child("name"), "must specify a resource name");
            }
            if field == "containerResource" {
                source.child("container").require(errs);
            }
        }
        _ => {
            if field == "object" {
                reference(&source.child("describedObject"), errs);
            }
            let name = source.child("metric").child("name");
            if name.require_because("must specify a metric name", errs) {
                name.check(names::is_path_segment_name, errs);
            }
            selector::validate(&source.child("metric").child("selector"), errs);
        }
    }
    target(&source.child("target"), field, errs);
}

fn target(at: &At<'_>, source: &str, errs: &mut Errors) {
    let [value, average, utilization] = ["value", "averageValue", "averageUtilization"].map(|f| at.child(f));
    let kind = at.child("type");
    kind.require_because("must specify a metric target type", errs);
    if !["AverageValue", "Utilization", "Value"].contains(&kind.text()) {
        errs.invalid_value(&kind, kind.text(), "must be either Utilization, Value, or AverageValue");
    }
    for quantity in [&value, &average] {
        let parsed = quantity.value.and_then(|v| Quantity::from_value(v).ok());
        if parsed.is_some_and(|q| q <= Quantity::ZERO) {
            errs.invalid(quantity, "must be positive");
        }
    }
    positive(&utilization, errs);
    match source {
        "resource" | "containerResource" => match (utilization.exists(), average.exists()) {
            (true, true) => errs.forbidden(&average, "may not set both a target raw value and a target utilization"),
            (false, false) => {
                errs.required_because(&utilization, "must set either a target raw value or a target utilization")
            }
            _ => {}
        },
        "pods" if !average.exists() => errs.required_because(&average, "must specify a positive target averageValue"),
        "object" if !value.exists() && !average.exists() => {
            errs.required_because(&average, "must set either a target value or averageValue");
        }
        "external" if !value.exists() && !average.exists() => {
            errs.required_because(&average, "must set either a target value for metric or a per-pod target");
        }
        "external" if value.exists() && average.exists() => {
            errs.forbidden(&value, "may not set both a target value for metric and a per-pod target");
        }
        _ => {}
    }
}

fn rules(at: &At<'_>, errs: &mut Errors) {
    const MAX_WINDOW: i64 = 3600;
    const MAX_PERIOD: i64 = 1800;
    if !at.exists() {
        return;
    }
    let window = at.child("stabilizationWindowSeconds");
    window.non_negative(errs);
    if window.i64().is_some_and(|seconds| seconds > MAX_WINDOW) {
        errs.invalid(&window, format!("must be less than or equal to {MAX_WINDOW}"));
    }
    at.child("selectPolicy").one_of(&["Disabled", "Max", "Min"], errs);
    let policies = at.child("policies");
    policies.require_because("must specify at least one Policy", errs);
    for policy in policies.items() {
        let (kind, period) = (policy.child("type"), policy.child("periodSeconds"));
        if !["Percent", "Pods"].contains(&kind.text()) {
            errs.not_supported_value(&kind, kind.text(), &["Percent", "Pods"]);
        }
        for number in [&policy.child("value"), &period] {
            let value = number.i64().unwrap_or(0);
            if value <= 0 {
                errs.invalid_value(number, value, "must be greater than zero");
            }
        }
        if period.i64().is_some_and(|seconds| seconds > MAX_PERIOD) {
            errs.invalid(&period, format!("must be less than or equal to {MAX_PERIOD}"));
        }
    }
}
