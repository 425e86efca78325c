use serde_json::{Value, json};

use super::horizontal_pod_autoscaler::HORIZONTAL_POD_AUTOSCALER;
use crate::kinds::strategy::Strategy;
use crate::kinds::testing::{check_create, defaulted, overlay, printed, stored};

fn hpa() -> Value {
    json!({"metadata": {"name": "h", "namespace": "ns"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}})
}

#[test]
fn defaults() {
    let spec = defaulted(
        &HORIZONTAL_POD_AUTOSCALER,
        &overlay(&hpa(), &json!({"spec": {"behavior": {"scaleDown": {"selectPolicy": "Min"}}}})),
    )["spec"]
        .clone();
    assert_eq!(spec["minReplicas"], 1);
    assert_eq!(spec["metrics"][0]["resource"]["target"], json!({"type": "Utilization", "averageUtilization": 80}));
    assert_eq!(
        spec["behavior"],
        json!({
            "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]},
            "scaleDown": {"selectPolicy": "Min", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
        })
    );
}

#[test]
fn validation() {
    check_create(
        &HORIZONTAL_POD_AUTOSCALER,
        &hpa(),
        &[
            (json!({}), &[]),
            (
                json!({"spec": {"maxReplicas": 0}}),
                &[
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                    "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                ],
            ),
            (json!({"spec": {"scaleTargetRef": {"name": null}}}), &["spec.scaleTargetRef.name: Required value"]),
            (
                json!({"spec": {"metrics": [{"type": "Pods"}]}}),
                &["spec.metrics[0].pods: Required value: must populate information for the given metric source (Pods)"],
            ),
            (
                json!({"spec": {"metrics": [{"type": ""}, {"type": "Object", "object": {"describedObject": {"kind": "K", "name": "n"}}}]}}),
                &[
                    "spec.metrics[0].type: Required value: must specify a metric source type",
                    "spec.metrics[0].type: Unsupported value: \"\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
                    "spec.metrics[1].object.metric.name: Required value: must specify a metric name",
                    "spec.metrics[1].object.target.type: Required value: must specify a metric target type",
                    "spec.metrics[1].object.target.type: Invalid value: \"\": must be either Utilization, Value, or AverageValue",
                    "spec.metrics[1].object.target.averageValue: Required value: must set either a target value or averageValue",
                ],
            ),
            (
                json!({"spec": {"behavior": {"scaleDown": {"policies": []}}}}),
                &["spec.behavior.scaleDown.policies: Required value: must specify at least one Policy"],
            ),
            (
                json!({"spec": {"behavior": {"scaleUp": {"policies": [{"type": "", "value": 0, "periodSeconds": 1}]}}}}),
                &[
                    "spec.behavior.scaleUp.policies[0].type: Unsupported value: \"\": supported values: \"Percent\", \"Pods\"",
                    "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                ],
            ),
        ],
    );
}

#[test]
fn versions_translate_without_loss() {
    let full = json!({
        "apiVersion": "autoscaling/v2", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "D", "name": "d"}, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
            {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}},
        ]},
        "status": {"currentReplicas": 1, "desiredReplicas": 2, "conditions": [{"type": "AbleToScale", "status": "True"}]},
    });
    let mut v1 = full.clone();
    HORIZONTAL_POD_AUTOSCALER.convert(&mut v1, "v2", "v1");
    assert_eq!(v1["apiVersion"], "autoscaling/v1");
    assert_eq!(v1["spec"]["targetCPUUtilizationPercentage"], 50);
    assert_eq!(v1["spec"].get("metrics"), None);
    HORIZONTAL_POD_AUTOSCALER.convert(&mut v1, "v1", "v2");
    assert_eq!(v1, full);
}

#[test]
fn columns() {
    let mut obj = stored(&HORIZONTAL_POD_AUTOSCALER, &hpa());
    assert_eq!(printed(&HORIZONTAL_POD_AUTOSCALER, &obj), "h | Deployment/d | cpu: <unknown>/80% | 1 | 3 | 0 | 60m");
    obj["status"]["currentMetrics"] =
        json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12}}}]);
    assert!(printed(&HORIZONTAL_POD_AUTOSCALER, &obj).contains("cpu: 12%/80%"));
}
