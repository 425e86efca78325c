//! Config maps.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line};
use crate::value::{entries, plain};

/// Writes a config map with its data.
pub fn describe(out: &mut Text, map: &Value, _: &Related) {
    out.name_and_namespace(map);
    out.labels_and_annotations(map);
    line!(out, 0, "");
    line!(out, 0, "Data");
    line!(out, 0, "====");
    for (key, value) in entries(map, "/data") {
        line!(out, 0, "{key}:");
        line!(out, 0, "----");
        line!(out, 0, "{}", plain(value));
        line!(out, 0, "");
    }
    line!(out, 0, "");
    line!(out, 0, "BinaryData");
    line!(out, 0, "====");
    for (key, value) in entries(map, "/binaryData") {
        line!(out, 0, "{key}: {} bytes", super::secret::decoded_len(value.as_str().unwrap_or_default()));
    }
    line!(out, 0, "");
}
