//! Secrets.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line};
use crate::value::{entries, text};

/// Writes a secret: names and sizes of its data, not the data.
pub fn describe(out: &mut Text, secret: &Value, _: &Related) {
    out.name_and_namespace(secret);
    out.labels_and_annotations(secret);
    line!(out, 0, "");
    line!(out, 0, "Type:\t{}", text(secret, "/type"));
    line!(out, 0, "");
    line!(out, 0, "Data");
    line!(out, 0, "====");
    for (key, value) in entries(secret, "/data") {
        line!(out, 0, "{key}:\t{} bytes", decoded_len(value.as_str().unwrap_or_default()));
    }
}

/// How many bytes base64 text stands for.
pub fn decoded_len(encoded: &str) -> usize {
    let digits = encoded.trim_end_matches('=').len();
    digits * 3 / 4
}
