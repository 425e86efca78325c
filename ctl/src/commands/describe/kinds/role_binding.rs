//! Role bindings and cluster role bindings.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line};
use super::role::reference;
use crate::value::{list, text};

/// Writes a binding: the role and to whom it is given.
pub fn describe(out: &mut Text, binding: &Value, _: &Related) {
    out.name(binding);
    out.labels_and_annotations(binding);
    let (kind, name) = reference(binding);
    line!(out, 0, "Role:");
    line!(out, 1, "Kind:\t{kind}");
    line!(out, 1, "Name:\t{name}");
    line!(out, 0, "Subjects:");
    line!(out, 1, "Kind\tName\tNamespace");
    line!(out, 1, "----\t----\t---------");
    for s in list(binding, "/subjects") {
        line!(out, 1, "{}\t{}\t{}", text(s, "/kind"), text(s, "/name"), text(s, "/namespace"));
    }
}
