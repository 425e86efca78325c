//! Replica sets.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::{pods_status, template};
use super::super::text::{Text, line, or_none, selector};
use crate::value::int;

/// Writes a replica set.
pub fn describe(out: &mut Text, set: &Value, related: &Related) {
    out.name_and_namespace(set);
    line!(out, 0, "Selector:\t{}", or_none(selector(set, "/spec/selector")));
    out.labels_and_annotations(set);
    out.controlled_by(set);
    line!(out, 0, "Replicas:\t{} current / {} desired", int(set, "/status/replicas"), int(set, "/spec/replicas"));
    line!(out, 0, "Pods Status:\t{}", pods_status(set, related));
    template(out, set.pointer("/spec/template").unwrap_or(&Value::Null));
    out.conditions(set);
}
