//! Stateful sets.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::{pods_status, template};
use super::super::text::{Text, line, quantity, selector, time};
use crate::value::{at, int, list, shown, text, texts};

/// Writes a stateful set.
pub fn describe(out: &mut Text, set: &Value, related: &Related) {
    out.name_and_namespace(set);
    line!(out, 0, "CreationTimestamp:\t{}", time(set, "/metadata/creationTimestamp"));
    line!(out, 0, "Selector:\t{}", selector(set, "/spec/selector"));
    out.labels_and_annotations(set);
    line!(out, 0, "Replicas:\t{} desired | {} total", int(set, "/spec/replicas"), int(set, "/status/replicas"));
    line!(out, 0, "Update Strategy:\t{}", text(set, "/spec/updateStrategy/type"));
    let rolling = at(set, "/spec/updateStrategy/rollingUpdate");
    if let Some(rolling) = rolling.filter(|rolling| at(rolling, "/partition").is_some()) {
        line!(out, 1, "Partition:\t{}", int(rolling, "/partition"));
        if at(rolling, "/maxUnavailable").is_some() {
            line!(out, 1, "MaxUnavailable:\t{}", shown(rolling, "/maxUnavailable"));
        }
    }
    line!(out, 0, "Pods Status:\t{}", pods_status(set, related));
    template(out, set.pointer("/spec/template").unwrap_or(&Value::Null));
    claims(out, list(set, "/spec/volumeClaimTemplates"));
}

fn claims(out: &mut Text, claims: &[Value]) {
    line!(out, 0, "Volume Claims:{}", if claims.is_empty() { "\t<none>" } else { "" });
    for claim in claims {
        line!(out, 1, "Name:\t{}", text(claim, "/metadata/name"));
        line!(out, 1, "StorageClass:\t{}", text(claim, "/spec/storageClassName"));
        out.labels("  Labels", claim.pointer("/metadata/labels"));
        out.labels("  Annotations", claim.pointer("/metadata/annotations"));
        let capacity = at(claim, "/spec/resources/requests/storage");
        line!(out, 1, "Capacity:\t{}", capacity.map_or_else(|| "<default>".to_owned(), quantity));
        line!(out, 1, "Access Modes:\t[{}]", texts(claim, "/spec/accessModes").join(" "));
    }
}
