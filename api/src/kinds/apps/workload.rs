//! What the workload kinds check and print alike.

use serde_json::{Map, Value};

use crate::field::{At, Errors};
use crate::intstr::{self, Rounding};
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::common::values::{ensure, fill, int};
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing;
use crate::labels::Selector;
use crate::names;

/// How many pods are ready, of how many.
pub const READY: Column = Column::shown(
    "Ready",
    |obj| format!("{}/{}", int(obj, "/status/readyReplicas").unwrap_or(0), int(obj, "/spec/replicas").unwrap_or(0)),
    "Number of the pod with ready state",
);
/// How many pods there should be.
pub const DESIRED: Column = Column::count("Desired", "/spec/replicas", "Number of pods that should run.");
/// How many pods there are.
pub const CURRENT: Column = Column::count("Current", "/status/replicas", "Number of pods that exist.");
/// How many pods are ready.
pub const READY_PODS: Column = Column::count("Ready", "/status/readyReplicas", "Number of pods that are ready.");
/// Wide column with the names of the template's containers.
pub const CONTAINERS: Column = Column::shown(
    "Containers",
    |obj| printing::containers(obj, "/spec/template/spec", "name"),
    "Names of each container in the template.",
)
.wide();
/// Wide column with the images of the template's containers.
pub const IMAGES: Column = Column::shown(
    "Images",
    |obj| printing::containers(obj, "/spec/template/spec", "image"),
    "Images referenced by each container in the template.",
)
.wide();
/// Wide column with the label selector.
pub const SELECTOR: Column = Column::shown(
    "Selector",
    |obj| printing::label_selector(obj.pointer("/spec/selector")),
    "Label selector for pods.",
)
.wide();

/// Warnings about the template.
pub fn warnings(obj: &Value, _old: Option<&Value>) -> Vec<String> {
    warnings::pod_spec(&At::root(obj).child("spec").child("template").child("spec"))
}

/// Fills the pod template, and returns the spec for more.
pub fn default_spec(obj: &mut Value) -> Option<&mut Value> {
    let spec = ensure(obj, "spec")?;
    fill(spec, "template", Map::new());
    template::default(spec);
    Some(spec)
}

/// Validates that there is a selector, that it is well formed, and that it selects something in particular. `noun` is what the
/// message calls the owner. Says whether the selector can be used.
pub fn selector(at: &At<'_>, noun: &str, errs: &mut Errors) -> bool {
    if !at.exists() {
        errs.required(at);
        return true;
    }
    selector::validate(at, errs);
    if selector::is_empty(at) {
        errs.invalid(at, format!("empty selector is invalid for {noun}"));
    }
    let usable = at.value.is_none_or(|value| Selector::from_label_selector(value).is_ok());
    if !usable {
        errs.invalid(at, "invalid label selector");
    }
    usable
}

/// Validates the template of a Deployment or ReplicaSet against its selector.
pub fn lasting_template(spec: &At<'_>, owner: &str, errs: &mut Errors) {
    let template = spec.child("template");
    template::validate_selected(&template, &spec.child("selector"), errs);
    template::validate_lasting(&template, owner, errs);
}

/// Validates a number of pods or a percentage of them.
pub fn int_or_percent(at: &At<'_>, errs: &mut Errors) {
    match at.value {
        Some(Value::String(text)) => errs.invalid_each(at, text, names::is_percent(text)),
        _ => at.non_negative(errs),
    }
}

/// Validates that a percentage is at most 100 %.
pub fn at_most_100_percent(at: &At<'_>, errs: &mut Errors) {
    let percent = at.str().and_then(|text| text.strip_suffix('%')).and_then(|digits| digits.parse::<i64>().ok());
    if percent.is_some_and(|p| p > 100) {
        errs.invalid(at, "must not be greater than 100%");
    }
}

/// The number in a count or percentage, 0 when it is unset.
pub fn amount(at: &At<'_>) -> i64 {
    at.value.and_then(|value| intstr::scaled(value, 100, Rounding::Up).ok()).unwrap_or(0)
}

/// Validates the counts of a status: none below zero, those in `within` at most `status.replicas`, and the available ones ready.
pub fn status_counts(obj: &Value, counts: &[&'static str], within: &[&'static str], errs: &mut Errors) {
    let status = At::root(obj).child("status");
    for field in counts {
        status.child(*field).non_negative(errs);
    }
    let replicas = status.child("replicas").i64().unwrap_or(0);
    for field in within {
        let at = status.child(*field);
        if at.i64().unwrap_or(0) > replicas {
            errs.invalid(&at, "cannot be greater than status.replicas");
        }
    }
    let available = status.child("availableReplicas");
    if within.contains(&"readyReplicas")
        && available.i64().unwrap_or(0) > status.child("readyReplicas").i64().unwrap_or(0)
    {
        errs.invalid(&available, "cannot be greater than readyReplicas");
    }
}

/// Validates that a status does not lose count of name collisions.
pub fn collisions_never_fewer(new: &Value, old: &Value, errs: &mut Errors) {
    let at = At::root(new).child("status").child("collisionCount");
    let before = int(old, "/status/collisionCount");
    match (at.i64(), before) {
        (None, Some(_)) => errs.invalid(&at, "cannot be decremented"),
        (Some(now), Some(before)) if now < before => errs.invalid(&at, "cannot be decremented"),
        _ => {}
    }
}
