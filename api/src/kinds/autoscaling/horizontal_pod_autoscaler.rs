//! HorizontalPodAutoscaler. Stored as `autoscaling/v2`; v1 is translated.

use serde_json::{Value, json};

use super::{hpa_conversion, hpa_validation};
use crate::kinds::column::Column;
use crate::kinds::common::values::{ensure, fill, int, is_unset, is_zero, list, set, text};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::printing::{NONE, UNKNOWN, UNSET};
use crate::quantity::Quantity;

/// How many metrics are printed before the rest is counted.
const SHOWN_METRICS: usize = 2;

/// The strategy of HorizontalPodAutoscaler.
pub static HORIZONTAL_POD_AUTOSCALER: Kind = Kind {
    status: Status::Starting(|| json!({"currentMetrics": null, "desiredReplicas": 0})),
    default,
    convert,
    validate: hpa_validation::validate,
    validate_status: |new, _, errs| hpa_validation::validate_status(new, errs),
    columns: &[
        Column::NAME,
        Column::shown(
            "Reference",
            |obj| format!("{}/{}", text(obj, "/spec/scaleTargetRef/kind"), text(obj, "/spec/scaleTargetRef/name")),
            "What is scaled.",
        ),
        Column::shown(
            "Targets",
            |obj| targets(list(obj, "/spec/metrics"), list(obj, "/status/currentMetrics")),
            "Current and wanted values of the metrics.",
        ),
        Column::shown(
            "MinPods",
            |obj| int(obj, "/spec/minReplicas").map_or_else(|| UNSET.to_owned(), |n| n.to_string()),
            "The lower limit for the number of pods.",
        ),
        Column::shown(
            "MaxPods",
            |obj| int(obj, "/spec/maxReplicas").unwrap_or(0).to_string(),
            "The upper limit for the number of pods.",
        ),
        Column::count("Replicas", "/status/currentReplicas", "The current number of pods."),
        Column::AGE,
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    fill(spec, "minReplicas", 1);
    if is_zero(spec.get("metrics")) {
        set(
            spec,
            "metrics",
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
        );
    }
    if is_unset(spec.get("behavior")) {
        return;
    }
    let Some(behavior) = ensure(spec, "behavior") else { return };
    if let Some(up) = ensure(behavior, "scaleUp") {
        fill(up, "stabilizationWindowSeconds", 0);
        fill(up, "selectPolicy", "Max");
        let policies = json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]);
        fill(up, "policies", policies);
    }
    if let Some(down) = ensure(behavior, "scaleDown") {
        fill(down, "selectPolicy", "Max");
        fill(down, "policies", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
    }
}

fn convert(obj: &mut Value, from: &str, to: &str) {
    match (from, to) {
        ("v1", "v2") => hpa_conversion::v1_to_v2(obj),
        ("v2", "v1") => hpa_conversion::v2_to_v1(obj),
        _ => {}
    }
}

/// The field of a metric that holds its source, by its type.
pub(super) fn source(kind: &str) -> Option<&'static str> {
    match kind {
        "Resource" => Some("resource"),
        "ContainerResource" => Some("containerResource"),
        "Pods" => Some("pods"),
        "Object" => Some("object"),
        "External" => Some("external"),
        _ => None,
    }
}

fn targets(specs: &[Value], statuses: &[Value]) -> String {
    if specs.is_empty() {
        return NONE.to_owned();
    }
    let shown: Vec<String> =
        specs.iter().enumerate().take(SHOWN_METRICS).map(|(i, spec)| metric(spec, statuses.get(i))).collect();
    let more = specs.len().saturating_sub(SHOWN_METRICS);
    let tail = if more > 0 { format!(" + {more} more...") } else { String::new() };
    shown.join(", ") + &tail
}

fn metric(spec: &Value, status: Option<&Value>) -> String {
    let Some(source) = source(text(spec, "/type")) else { return "<unknown type>".to_owned() };
    let value =
        |value: Option<&Value>, field: &str| value.and_then(|v| v.pointer(&format!("/{source}/{field}"))).cloned();
    let shown = |value: Option<Value>| match value {
        Some(value) if !value.is_null() => {
            Quantity::from_value(&value).map_or_else(|_| UNKNOWN.to_owned(), |q| q.to_string())
        }
        _ => UNKNOWN.to_owned(),
    };
    let prefix = if matches!(source, "resource" | "containerResource") {
        format!("{}: ", text(spec, &format!("/{source}/name")))
    } else {
        String::new()
    };
    if let Some(utilization) = value(Some(spec), "target/averageUtilization").filter(|v| !v.is_null()) {
        let current = value(status, "current/averageUtilization").and_then(|v| v.as_i64());
        let current = current.map_or_else(|| UNKNOWN.to_owned(), |n| format!("{n}%"));
        return format!("{prefix}{current}/{utilization}%");
    }
    let (field, suffix) = if value(Some(spec), "target/averageValue").is_some_and(|v| !v.is_null()) {
        ("averageValue", if matches!(source, "object" | "external") { " (avg)" } else { "" })
    } else {
        ("value", "")
    };
    let current = shown(value(status, &format!("current/{field}")));
    format!("{prefix}{current}/{}{suffix}", shown(value(Some(spec), &format!("target/{field}"))))
}
