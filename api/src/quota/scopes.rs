//! Which objects a quota with scopes is about.

use serde_json::Value;

use crate::gvk::GroupResource;
use crate::kinds::common::values::list;

/// Says whether all scopes of a quota hold for an object.
pub fn applies(quota: &Value, resource: &GroupResource, object: &Value) -> bool {
    let scopes = list(quota, "/spec/scopes").iter().filter_map(Value::as_str);
    let selectors = list(quota, "/spec/scopeSelector/matchExpressions");
    scopes.into_iter().all(|scope| holds(scope, "Exists", &[], resource, object))
        && selectors.iter().all(|selector| {
            let text = |field: &str| selector.get(field).and_then(Value::as_str).unwrap_or_default();
            holds(text("scopeName"), text("operator"), list(selector, "/values"), resource, object)
        })
}

fn holds(scope: &str, operator: &str, values: &[Value], resource: &GroupResource, object: &Value) -> bool {
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => pod(scope, operator, values, object),
        ("", "persistentvolumeclaims") if scope == "VolumeAttributesClass" => {
            let pointers = [
                "/spec/volumeAttributesClassName",
                "/status/currentVolumeAttributesClassName",
                "/status/modifyVolumeStatus/targetVolumeAttributesClassName",
            ];
            let classes: Vec<&str> = pointers.iter().filter_map(|pointer| text(object, pointer)).collect();
            if classes.is_empty() {
                selected(operator, values, None)
            } else {
                classes.into_iter().any(|class| selected(operator, values, Some(class)))
            }
        }
        _ => false,
    }
}

fn pod(scope: &str, operator: &str, values: &[Value], pod: &Value) -> bool {
    let terminating =
        || pod.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds >= 0);
    let best_effort = || crate::kinds::core::pod::qos::compute(pod) == "BestEffort";
    match scope {
        "Terminating" => terminating(),
        "NotTerminating" => !terminating(),
        "BestEffort" => best_effort(),
        "NotBestEffort" => !best_effort(),
        "PriorityClass" => selected(operator, values, text(pod, "/spec/priorityClassName")),
        "CrossNamespacePodAffinity" => looks_elsewhere(pod),
        _ => false,
    }
}

fn selected(operator: &str, values: &[Value], found: Option<&str>) -> bool {
    let listed = |found: &str| values.iter().any(|value| value.as_str() == Some(found));
    match operator {
        "In" => found.is_some_and(listed),
        "NotIn" => !found.is_some_and(listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        _ => false,
    }
}

/// Says whether a term of pod affinity looks at other namespaces.
fn looks_elsewhere(pod: &Value) -> bool {
    ["podAffinity", "podAntiAffinity"].into_iter().any(|kind| {
        let terms = |list_name: &str| list(pod, &format!("/spec/affinity/{kind}/{list_name}")).iter();
        let required = terms("requiredDuringSchedulingIgnoredDuringExecution");
        let preferred = terms("preferredDuringSchedulingIgnoredDuringExecution");
        required.chain(preferred.filter_map(|preferred| preferred.get("podAffinityTerm"))).any(|term| {
            !list(term, "/namespaces").is_empty() || term.get("namespaceSelector").is_some_and(|s| !s.is_null())
        })
    })
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}
