//! CSI nodes.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, brackets, line, time};
use crate::value::{at, list, text};

/// Writes the drivers of a node.
pub fn describe(out: &mut Text, node: &Value, _: &Related) {
    out.name(node);
    out.labels_and_annotations(node);
    line!(out, 0, "CreationTimestamp:\t{}", time(node, "/metadata/creationTimestamp"));
    line!(out, 0, "Spec:");
    if at(node, "/spec/drivers").is_some() {
        line!(out, 1, "Drivers:");
    }
    for driver in list(node, "/spec/drivers") {
        line!(out, 2, "{}:", text(driver, "/name"));
        line!(out, 3, "Node ID:\t{}", text(driver, "/nodeID"));
        if let Some(count) = at(driver, "/allocatable/count") {
            line!(out, 3, "Allocatables:");
            line!(out, 4, "Count:\t{count}");
        }
        if at(driver, "/topologyKeys").is_some() {
            line!(out, 3, "Topology Keys:\t{}", brackets(list(driver, "/topologyKeys")));
        }
    }
}
