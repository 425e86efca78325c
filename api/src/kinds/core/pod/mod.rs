//! Pod.

mod binding;
mod columns;
mod diff;
pub mod qos;
mod resize;
mod update;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use binding::{BindError, bind};
pub use columns::reason;
pub use qos::compute as qos_class;

use crate::field::{At, Errors};
use crate::kinds::column::Selectable;
use crate::kinds::common::generation;
use crate::kinds::common::values::{ensure, fill, is_unset, list, same, set, text, within};
use crate::kinds::kind::Kind;
use crate::kinds::podspec::{defaults, resources, warnings};
use crate::kinds::strategy::Context;
use crate::time;

/// The strategy of pods (`pkg/registry/core/pod/strategy.go @ v1.36`).
pub static POD: Kind = Kind {
    default,
    prepare_create,
    prepare_status_update,
    validate: update::metadata_and_spec,
    validate_create,
    validate_update: Some(update::validate),
    validate_status: update::validate_status,
    warnings,
    columns: columns::COLUMNS,
    selectable: &[
        Selectable::text("spec.nodeName", "/spec/nodeName"),
        Selectable::text("spec.restartPolicy", "/spec/restartPolicy"),
        Selectable::text("spec.schedulerName", "/spec/schedulerName"),
        Selectable::text("spec.serviceAccountName", "/spec/serviceAccountName"),
        Selectable::flag("spec.hostNetwork", "/spec/hostNetwork"),
        Selectable::text("status.phase", "/status/phase"),
        Selectable::text("status.podIP", "/status/podIP"),
        Selectable::text("status.nominatedNodeName", "/status/nominatedNodeName"),
    ],
    graceful_delete,
    subresources: &[("ephemeralcontainers", &update::EPHEMERAL_CONTAINERS), ("resize", &resize::RESIZE)],
    ..Kind::SPEC_STATUS
};

fn default(obj: &mut Value) {
    if let Some(spec) = ensure(obj, "spec") {
        defaults::pod_spec(spec);
        defaults::pod_only(spec);
    }
    within(obj, "status", |status| {
        resources::canonical_statuses(status);
        addresses(status);
    });
}

fn prepare_create(cx: &Context, obj: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": qos::compute(obj)});
    if !list(obj, "/spec/schedulingGates").is_empty() {
        set(
            &mut status,
            "conditions",
            json!([{
                "type": "PodScheduled",
                "status": "False",
                "lastTransitionTime": time::format(cx.now),
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "observedGeneration": 1,
            }]),
        );
    }
    set(obj, "status", status);
    spread_over_label_keys(obj);
}

fn prepare_status_update(new: &mut Value, old: &Value) {
    generation::keep_desired(new, old);
    generation::carry_metadata(new, old, "ownerReferences");
    generation::carry_metadata(new, old, "generation");
    if let Some(status) = ensure(new, "status")
        && let Some(class) = old.pointer("/status/qosClass")
    {
        fill(status, "qosClass", class.clone());
    }
}

/// Keeps `podIP` the first of `podIPs`; where both are set, the one alone counts
/// (`pkg/apis/core/v1/conversion.go: Convert_v1_PodStatus_To_core_PodStatus @ v1.36`).
fn addresses(status: &mut Value) {
    let (one, first) = (text(status, "/podIP"), text(status, "/podIPs/0/ip"));
    if one == first {
        return;
    }
    if one.is_empty() {
        set(status, "podIP", first.to_owned());
    } else {
        set(status, "podIPs", json!([{"ip": one}]));
    }
}

fn validate_create(obj: &Value, errs: &mut Errors) {
    let ephemeral = At::root(obj).child("spec").child("ephemeralContainers");
    if !ephemeral.is_empty() {
        errs.forbidden(&ephemeral, "cannot be set on create");
    }
}

fn warnings(obj: &Value, old: Option<&Value>) -> Vec<String> {
    if old.is_some_and(|old| same(obj.get("spec"), old.get("spec"))) {
        return Vec::new();
    }
    warnings::pod_spec(&At::root(obj).child("spec"))
}

fn graceful_delete(obj: &Value, requested: Option<i64>) -> Option<i64> {
    let wanted =
        requested.or_else(|| obj.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64)).unwrap_or(0);
    let over = matches!(text(obj, "/status/phase"), "Succeeded" | "Failed");
    if over || text(obj, "/spec/nodeName").is_empty() {
        return Some(0);
    }
    Some(if wanted < 0 { 1 } else { wanted })
}

/// Turns `matchLabelKeys` of spread constraints and affinity terms into requirements of their selectors, with this pod's labels.
fn spread_over_label_keys(obj: &mut Value) {
    let labels = obj.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let Some(spec) = obj.get_mut("spec") else { return };
    for term in spec.get_mut("topologySpreadConstraints").and_then(Value::as_array_mut).into_iter().flatten() {
        add_requirements(term, "matchLabelKeys", "In", &labels);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = spec.pointer_mut(&format!("/affinity/{kind}")) else { continue };
        let keys = [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")];
        for term in affinity
            .get_mut("requiredDuringSchedulingIgnoredDuringExecution")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            keys.iter().for_each(|(field, operator)| add_requirements(term, field, operator, &labels));
        }
        for term in affinity
            .get_mut("preferredDuringSchedulingIgnoredDuringExecution")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            within(term, "podAffinityTerm", |term| {
                keys.iter().for_each(|(field, operator)| add_requirements(term, field, operator, &labels));
            });
        }
    }
}

fn add_requirements(term: &mut Value, field: &str, operator: &str, labels: &Map<String, Value>) {
    if is_unset(term.get("labelSelector")) {
        return;
    }
    let keys: Vec<String> =
        list(term, &format!("/{field}")).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let wanted = keys
        .into_iter()
        .filter_map(|key| labels.get(&key).map(|value| json!({"key": key, "operator": operator, "values": [value]})));
    let wanted: Vec<Value> = wanted.collect();
    if wanted.is_empty() {
        return;
    }
    if let Some(selector) = ensure(term, "labelSelector") {
        fill(selector, "matchExpressions", Value::Array(Vec::new()));
        if let Some(expressions) = selector.get_mut("matchExpressions").and_then(Value::as_array_mut) {
            expressions.extend(wanted);
        }
    }
}
