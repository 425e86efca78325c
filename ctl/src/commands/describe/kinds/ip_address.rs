//! IP addresses.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line};
use crate::value::{at, text};

/// Writes an IP address and what it belongs to.
pub fn describe(out: &mut Text, address: &Value, _: &Related) {
    out.name(address);
    out.labels_and_annotations(address);
    if let Some(parent) = at(address, "/spec/parentRef") {
        line!(out, 0, "Parent Reference:");
        for (label, pointer) in
            [("Group", "/group"), ("Resource", "/resource"), ("Namespace", "/namespace"), ("Name", "/name")]
        {
            line!(out, 1, "{label}:\t{}", text(parent, pointer));
        }
    }
}
