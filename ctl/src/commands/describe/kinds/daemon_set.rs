//! Daemon sets.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::{pods_status, template};
use super::super::text::{Text, line, selector, set};
use crate::value::int;

/// Writes a daemon set.
pub fn describe(out: &mut Text, daemon: &Value, related: &Related) {
    out.name_and_namespace(daemon);
    line!(out, 0, "Selector:\t{}", selector(daemon, "/spec/selector"));
    line!(out, 0, "Node-Selector:\t{}", set(daemon, "/spec/template/spec/nodeSelector"));
    out.labels_and_annotations(daemon);
    for (label, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        line!(out, 0, "{label}: {}", int(daemon, &format!("/status/{field}")));
    }
    line!(out, 0, "Pods Status:\t{}", pods_status(daemon, related));
    template(out, daemon.pointer("/spec/template").unwrap_or(&Value::Null));
}
