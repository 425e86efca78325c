//! Pod.

mod binding;
mod columns;
mod diff;
mod qos;
mod resize;
mod update;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use binding::{BindError, bind};
pub use columns::reason;
pub use qos::compute as qos_class;

use crate::field::{At, Errors};
use crate::kinds::common::generation;
use crate::kinds::common::values::{ensure, fill, is_unset, list, remove, same, set, text, within};
use crate::kinds::podspec::{defaults, resources, warnings};
use crate::kinds::strategy::{Column, Context, Strategy};
use crate::time;

/// The strategy of pods (`pkg/registry/core/pod/strategy.go @ v1.36`).
pub struct Pod;

const SELECTABLE: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

impl Strategy for Pod {
    fn default(&self, obj: &mut Value) {
        if let Some(spec) = ensure(obj, "spec") {
            defaults::pod_spec(spec);
            defaults::pod_only(spec);
        }
        within(obj, "status", |status| {
            resources::canonical_statuses(status);
            addresses(status);
        });
    }

    fn prepare_create(&self, cx: &Context, obj: &mut Value) {
        generation::start(obj);
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

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        advance(new, old);
    }

    fn prepare_status_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_desired(new, old);
        generation::carry_metadata(new, old, "ownerReferences");
        generation::carry_metadata(new, old, "generation");
        if let Some(status) = ensure(new, "status")
            && let Some(class) = old.pointer("/status/qosClass")
        {
            fill(status, "qosClass", class.clone());
        }
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        update::metadata_and_spec(obj, &mut errs);
        errs
    }

    fn validate_create(&self, obj: &Value) -> Errors {
        let mut errs = self.validate(obj);
        let ephemeral = At::root(obj).child("spec").child("ephemeralContainers");
        if !ephemeral.is_empty() {
            errs.forbidden(&ephemeral, "cannot be set on create");
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        update::validate(new, old)
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Errors {
        update::validate_status(new, old)
    }

    fn warnings(&self, obj: &Value, old: Option<&Value>) -> Vec<String> {
        if old.is_some_and(|old| same(obj.get("spec"), old.get("spec"))) {
            return Vec::new();
        }
        warnings::pod_spec(&At::root(obj).child("spec"))
    }

    fn columns(&self) -> &'static [Column] {
        columns::COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        columns::cells(obj, now)
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        SELECTABLE
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        SELECTABLE.iter().map(|name| (*name, selectable(obj, name))).collect()
    }

    fn graceful_delete(&self, obj: &Value, requested: Option<i64>) -> Option<i64> {
        let wanted = requested
            .or_else(|| obj.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64))
            .unwrap_or(0);
        let over = matches!(text(obj, "/status/phase"), "Succeeded" | "Failed");
        if over || text(obj, "/spec/nodeName").is_empty() {
            return Some(0);
        }
        Some(if wanted < 0 { 1 } else { wanted })
    }

    fn subresource(&self, name: &str) -> Option<&'static dyn Strategy> {
        match name {
            "ephemeralcontainers" => Some(&update::EphemeralContainers),
            "resize" => Some(&resize::Resize),
            _ => None,
        }
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

fn selectable<'a>(obj: &'a Value, name: &str) -> Cow<'a, str> {
    match name {
        "spec.hostNetwork" => {
            Cow::Borrowed(if obj.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) { "true" } else { "false" })
        }
        _ => Cow::Borrowed(text(obj, &format!("/{}", name.replace('.', "/")))),
    }
}

/// Raises the generation when the spec changed.
fn advance(new: &mut Value, old: &Value) {
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let after = if same(new.get("spec"), old.get("spec")) { before } else { before.saturating_add(1) };
    within(
        new,
        "metadata",
        |meta| if after == 0 { remove(meta, "generation") } else { set(meta, "generation", after) },
    );
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
