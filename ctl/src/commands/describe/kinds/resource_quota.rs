//! Resource quotas.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, quantity};
use crate::value::{entries, text, texts};

/// What the scopes of a quota mean.
const SCOPES: &[(&str, &str)] = &[
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.",
    ),
];

/// Writes a quota.
pub fn describe(out: &mut Text, quota: &Value, _: &Related) {
    out.name_and_namespace(quota);
    scopes(out, quota, 0, " * ");
    line!(out, 0, "Resource\tUsed\tHard");
    line!(out, 0, "--------\t----\t----");
    amounts(out, quota, 0);
}

/// Writes the quotas of a namespace.
pub fn all(out: &mut Text, quotas: &[Value]) {
    if quotas.is_empty() {
        line!(out, 0, "No resource quota.");
        return;
    }
    let mut quotas: Vec<&Value> = quotas.iter().collect();
    quotas.sort_by_key(|quota| text(quota, "/metadata/name"));
    line!(out, 0, "Resource Quotas");
    for quota in quotas {
        line!(out, 1, "Name:\t{}", text(quota, "/metadata/name"));
        scopes(out, quota, 1, "* ");
        line!(out, 1, "Resource\tUsed\tHard");
        line!(out, 1, "--------\t---\t---");
        amounts(out, quota, 1);
    }
}

fn scopes(out: &mut Text, quota: &Value, level: usize, bullet: &str) {
    let mut scopes = texts(quota, "/spec/scopes");
    if scopes.is_empty() {
        return;
    }
    scopes.sort_unstable();
    line!(out, level, "Scopes:\t{}", scopes.join(", "));
    for (_, meaning) in scopes.iter().filter_map(|scope| SCOPES.iter().find(|(name, _)| name == scope)) {
        line!(out, level, "{bullet}{meaning}");
    }
}

fn amounts(out: &mut Text, quota: &Value, level: usize) {
    for (name, hard) in entries(quota, "/status/hard") {
        let used = quota.pointer("/status/used").and_then(|used| used.get(name));
        line!(out, level, "{name}\t{}\t{}", used.map_or_else(|| "0".to_owned(), quantity), quantity(hard));
    }
}
