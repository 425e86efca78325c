//! Namespaces.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::text::{Text, line, time};
use super::{limit_range, resource_quota};
use crate::value::{list, text};

/// Asks for the quotas and limits of the namespace.
pub fn needs(namespace: &Value) -> Vec<Need> {
    let name = text(namespace, "/metadata/name");
    ["resourcequotas", "limitranges"]
        .map(|resource| Need::new(resource, format!("/api/v1/namespaces/{name}/{resource}")))
        .into()
}

/// Writes a namespace, with what limits it.
pub fn describe(out: &mut Text, namespace: &Value, related: &Related) {
    out.name(namespace);
    out.labels_and_annotations(namespace);
    line!(out, 0, "Status:\t{}", text(namespace, "/status/phase"));
    for (i, c) in list(namespace, "/status/conditions").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Conditions:");
            line!(out, 1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
            line!(out, 1, "----\t------\t------------------\t------\t-------");
        }
        let when = time(c, "/lastTransitionTime");
        let (kind, status, reason) = (text(c, "/type"), text(c, "/status"), text(c, "/reason"));
        line!(out, 1, "{kind}\t{status}\t{when}\t{reason}\t{}", text(c, "/message"));
    }
    if let Ok(quotas) = related.items("resourcequotas") {
        line!(out, 0, "");
        resource_quota::all(out, quotas);
    }
    if let Ok(limits) = related.items("limitranges") {
        line!(out, 0, "");
        limit_range::all(out, limits);
    }
}
