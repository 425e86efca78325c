//! Translation of HorizontalPodAutoscaler between v1 and v2. What v1 cannot say travels in annotations, in the form of v2.

use serde_json::{Map, Value, json};

use crate::kinds::common::values::{ensure, int, is_unset, list, remove, set, text};

/// Annotations and the fields they hold: annotation, parent object, field.
const CARRIED: [(&str, &str, &str); 4] = [
    ("autoscaling.alpha.kubernetes.io/metrics", "spec", "metrics"),
    ("autoscaling.alpha.kubernetes.io/behavior", "spec", "behavior"),
    ("autoscaling.alpha.kubernetes.io/current-metrics", "status", "currentMetrics"),
    ("autoscaling.alpha.kubernetes.io/conditions", "status", "conditions"),
];

/// Turns a v1 object into v2.
pub fn v1_to_v2(obj: &mut Value) {
    let target = int(obj, "/spec/targetCPUUtilizationPercentage");
    let current = int(obj, "/status/currentCPUUtilizationPercentage");
    for (annotation, parent, field) in CARRIED {
        let Some(value) = take_annotation(obj, annotation).and_then(|text| serde_json::from_str::<Value>(&text).ok())
        else {
            continue;
        };
        if let Some(parent) = ensure(obj, parent) {
            set(parent, field, value);
        }
    }
    if let Some(spec) = obj.get_mut("spec") {
        remove(spec, "targetCPUUtilizationPercentage");
        if let Some(percent) = target {
            let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}});
            prepend(spec, "metrics", cpu);
        }
    }
    if let Some(status) = obj.get_mut("status") {
        remove(status, "currentCPUUtilizationPercentage");
        if let Some(percent) = current {
            let cpu =
                json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}});
            prepend(status, "currentMetrics", cpu);
        }
    }
    set(obj, "apiVersion", "autoscaling/v2");
}

/// Turns a v2 object into v1.
pub fn v2_to_v1(obj: &mut Value) {
    let target = take_cpu(obj, "spec", "metrics", "/resource/target/averageUtilization");
    let current = take_cpu(obj, "status", "currentMetrics", "/resource/current/averageUtilization");
    for (annotation, parent, field) in CARRIED {
        let value = obj.get_mut(parent).and_then(Value::as_object_mut).and_then(|map| map.remove(field));
        let Some(value) = value.filter(|v| !is_unset(Some(v)) && v.as_array().is_none_or(|a| !a.is_empty())) else {
            continue;
        };
        if let Some(annotations) = ensure(obj, "metadata").and_then(|m| ensure(m, "annotations")) {
            set(annotations, annotation, value.to_string());
        }
    }
    if let (Some(percent), Some(spec)) = (target, obj.get_mut("spec")) {
        set(spec, "targetCPUUtilizationPercentage", percent);
    }
    if let Some(status) = obj.get_mut("status") {
        if is_unset(status.get("currentReplicas")) {
            set(status, "currentReplicas", 0);
        }
        if let Some(percent) = current {
            set(status, "currentCPUUtilizationPercentage", percent);
        }
    }
    set(obj, "apiVersion", "autoscaling/v1");
}

fn prepend(parent: &mut Value, field: &str, item: Value) {
    let mut items = vec![item];
    items.extend(list(parent, &format!("/{field}")).iter().cloned());
    set(parent, field, items);
}

/// Takes the first CPU utilisation out of a list of metrics.
fn take_cpu(obj: &mut Value, parent: &str, field: &str, pointer: &str) -> Option<i64> {
    let metrics = obj.get_mut(parent)?.get_mut(field)?.as_array_mut()?;
    let is_cpu = |metric: &Value| text(metric, "/resource/name") == "cpu" && int(metric, pointer).is_some();
    let index = metrics.iter().position(is_cpu)?;
    int(&metrics.remove(index), pointer)
}

fn take_annotation(obj: &mut Value, name: &str) -> Option<String> {
    let meta = obj.get_mut("metadata")?;
    let annotations: &mut Map<String, Value> = meta.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.remove(name)?.as_str()?.to_owned();
    if annotations.is_empty() {
        remove(meta, "annotations");
    }
    Some(text)
}
