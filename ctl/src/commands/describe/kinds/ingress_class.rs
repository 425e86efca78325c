//! Ingress classes.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line};
use crate::value::{at, text};

/// Writes an ingress class.
pub fn describe(out: &mut Text, class: &Value, _: &Related) {
    out.name(class);
    out.labels_and_annotations(class);
    line!(out, 0, "Controller:\t{}", text(class, "/spec/controller"));
    if let Some(parameters) = at(class, "/spec/parameters") {
        line!(out, 0, "Parameters:");
        for (label, pointer) in [("APIGroup", "/apiGroup"), ("Kind", "/kind"), ("Name", "/name")] {
            if label != "APIGroup" || at(parameters, pointer).is_some() {
                line!(out, 1, "{label}:\t{}", text(parameters, pointer));
            }
        }
    }
}
