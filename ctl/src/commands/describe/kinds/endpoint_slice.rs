//! Endpoint slices.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, or_none};
use crate::value::{at, list, shown, text, texts};

/// Writes an endpoint slice.
pub fn describe(out: &mut Text, slice: &Value, _: &Related) {
    out.name_and_namespace(slice);
    out.labels_and_annotations(slice);
    line!(out, 0, "AddressType:\t{}", text(slice, "/addressType"));
    let ports = list(slice, "/ports");
    if ports.is_empty() {
        line!(out, 0, "Ports: <unset>");
    } else {
        line!(out, 0, "Ports:");
        line!(out, 1, "Name\tPort\tProtocol");
        line!(out, 1, "----\t----\t--------");
    }
    for port in ports {
        line!(out, 1, "{}\t{}\t{}", or_unset(port, "/name"), or_unset(port, "/port"), text(port, "/protocol"));
    }
    let endpoints = list(slice, "/endpoints");
    line!(out, 0, "Endpoints:{}", if endpoints.is_empty() { " <none>" } else { "" });
    for endpoint in endpoints {
        line!(out, 1, "- Addresses:\t{}", or_none(texts(endpoint, "/addresses").join(", ")));
        line!(out, 2, "Conditions:");
        line!(out, 3, "Ready:\t{}", or_unset(endpoint, "/conditions/ready"));
        line!(out, 2, "Hostname:\t{}", or_unset(endpoint, "/hostname"));
        if let Some(target) = at(endpoint, "/targetRef") {
            line!(out, 2, "TargetRef:\t{}/{}", text(target, "/kind"), text(target, "/name"));
        }
        line!(out, 2, "NodeName:\t{}", or_unset(endpoint, "/nodeName"));
        line!(out, 2, "Zone:\t{}", or_unset(endpoint, "/zone"));
    }
}

fn or_unset(value: &Value, pointer: &str) -> String {
    let shown = shown(value, pointer);
    if shown.is_empty() { "<unset>".to_owned() } else { shown }
}
