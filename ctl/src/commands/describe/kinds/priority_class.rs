//! Priority classes.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, set};
use crate::value::{flag, int, text};

/// Writes a priority class.
pub fn describe(out: &mut Text, class: &Value, _: &Related) {
    out.name(class);
    line!(out, 0, "Value:\t{}", int(class, "/value"));
    line!(out, 0, "GlobalDefault:\t{}", flag(class, "/globalDefault"));
    line!(out, 0, "PreemptionPolicy:\t{}", text(class, "/preemptionPolicy"));
    line!(out, 0, "Description:\t{}", text(class, "/description"));
    line!(out, 0, "Annotations:\t{}", set(class, "/metadata/annotations"));
}
