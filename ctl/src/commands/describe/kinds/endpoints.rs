//! Endpoints.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, or_none};
use crate::value::{int, list, text};

/// Writes endpoints.
pub fn describe(out: &mut Text, endpoints: &Value, _: &Related) {
    out.name_and_namespace(endpoints);
    out.labels_and_annotations(endpoints);
    line!(out, 0, "Subsets:");
    for subset in list(endpoints, "/subsets") {
        for (label, pointer) in [("Addresses", "/addresses"), ("NotReadyAddresses", "/notReadyAddresses")] {
            let addresses: Vec<&str> = list(subset, pointer).iter().map(|a| text(a, "/ip")).collect();
            line!(out, 1, "{label}:\t{}", or_none(addresses.join(",")));
        }
        for (i, port) in list(subset, "/ports").iter().enumerate() {
            if i == 0 {
                line!(out, 1, "Ports:");
                line!(out, 2, "Name\tPort\tProtocol");
                line!(out, 2, "----\t----\t--------");
            }
            let name = text(port, "/name");
            let name = if name.is_empty() { "<unset>" } else { name };
            line!(out, 2, "{name}\t{}\t{}", int(port, "/port"), text(port, "/protocol"));
        }
        line!(out, 0, "");
    }
}
