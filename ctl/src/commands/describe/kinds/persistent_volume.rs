//! Persistent volumes.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, access_modes, brackets, line, quantity, since};
use super::super::volumes;
use crate::value::{at, list, shown, text, texts};

/// Annotation that named the class before there was a field.
pub const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Writes a persistent volume.
pub fn describe(out: &mut Text, volume: &Value, related: &Related) {
    out.name(volume);
    out.labels_and_annotations(volume);
    line!(out, 0, "Finalizers:\t{}", brackets(list(volume, "/metadata/finalizers")));
    let class = corvette_api::meta::annotation(volume, CLASS);
    line!(out, 0, "StorageClass:\t{}", class.unwrap_or(text(volume, "/spec/storageClassName")));
    if at(volume, "/metadata/deletionTimestamp").is_some() {
        line!(out, 0, "Status:\tTerminating (lasts {})", since(volume, "/metadata/deletionTimestamp", related.now));
    } else {
        line!(out, 0, "Status:\t{}", text(volume, "/status/phase"));
    }
    let claim = at(volume, "/spec/claimRef").map(|c| format!("{}/{}", text(c, "/namespace"), text(c, "/name")));
    line!(out, 0, "Claim:\t{}", claim.unwrap_or_default());
    line!(out, 0, "Reclaim Policy:\t{}", text(volume, "/spec/persistentVolumeReclaimPolicy"));
    line!(out, 0, "Access Modes:\t{}", access_modes(volume, "/spec/accessModes"));
    if at(volume, "/spec/volumeMode").is_some() {
        line!(out, 0, "VolumeMode:\t{}", shown(volume, "/spec/volumeMode"));
    }
    let capacity = at(volume, "/spec/capacity/storage").map_or_else(|| "0".to_owned(), quantity);
    line!(out, 0, "Capacity:\t{capacity}");
    affinity(out, volume);
    line!(out, 0, "Message:\t{}", text(volume, "/status/message"));
    line!(out, 0, "Source:");
    volumes::source(out, volume.get("spec").unwrap_or(&Value::Null));
}

fn affinity(out: &mut Text, volume: &Value) {
    let Some(required) = at(volume, "/spec/nodeAffinity/required") else {
        line!(out, 0, "Node Affinity:\t<none>");
        return;
    };
    line!(out, 0, "Node Affinity:\t");
    let terms = list(required, "/nodeSelectorTerms");
    line!(out, 1, "Required Terms:\t{}", if terms.is_empty() { "<none>" } else { "" });
    for (i, term) in terms.iter().enumerate() {
        let expressions = list(term, "/matchExpressions").iter().map(|e| {
            let values = texts(e, "/values").join(", ");
            let values = if values.is_empty() { String::new() } else { format!(" [{values}]") };
            format!("{} {}{values}", text(e, "/key"), text(e, "/operator").to_lowercase())
        });
        out.column(&format!("    Term {i}"), expressions);
    }
}
