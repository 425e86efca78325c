//! Limit ranges.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, quantity};
use crate::value::{entries, list, text};
use std::collections::BTreeSet;

/// Fields of a limit, as columns.
const COLUMNS: &[&str] = &["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];

/// Writes a limit range.
pub fn describe(out: &mut Text, range: &Value, _: &Related) {
    out.name_and_namespace(range);
    heading(out, "");
    limits(out, range, "");
}

/// Writes the limits of a namespace.
pub fn all(out: &mut Text, ranges: &[Value]) {
    if ranges.is_empty() {
        line!(out, 0, "No LimitRange resource.");
        return;
    }
    line!(out, 0, "Resource Limits");
    heading(out, " ");
    ranges.iter().for_each(|range| limits(out, range, " "));
}

fn heading(out: &mut Text, space: &str) {
    line!(out, 0, "{space}Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
    line!(out, 0, "{space}----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
}

fn limits(out: &mut Text, range: &Value, space: &str) {
    for limit in list(range, "/spec/limits") {
        let of = |column: &&str| entries(limit, &format!("/{column}")).map(|(name, _)| name);
        let resources: BTreeSet<&String> = COLUMNS.iter().flat_map(of).collect();
        for resource in resources {
            let amount = |column: &&str| {
                limit.get(*column).and_then(|c| c.get(resource)).map_or_else(|| "-".to_owned(), quantity)
            };
            let amounts: Vec<String> = COLUMNS.iter().map(amount).collect();
            line!(out, 0, "{space}{}\t{resource}\t{}", text(limit, "/type"), amounts.join("\t"));
        }
    }
}
