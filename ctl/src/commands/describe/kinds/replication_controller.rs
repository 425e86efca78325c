//! Replication controllers.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::{pods_status, template};
use super::super::text::{Text, line, set};
use crate::value::int;

/// Writes a replication controller.
pub fn describe(out: &mut Text, controller: &Value, related: &Related) {
    out.name_and_namespace(controller);
    line!(out, 0, "Selector:\t{}", set(controller, "/spec/selector"));
    out.labels_and_annotations(controller);
    let (current, desired) = (int(controller, "/status/replicas"), int(controller, "/spec/replicas"));
    line!(out, 0, "Replicas:\t{current} current / {desired} desired");
    line!(out, 0, "Pods Status:\t{}", pods_status(controller, related));
    template(out, controller.pointer("/spec/template").unwrap_or(&Value::Null));
    out.conditions(controller);
}
