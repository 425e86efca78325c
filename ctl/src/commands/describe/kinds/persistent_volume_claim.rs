//! Persistent volume claims.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::template::PODS;
use super::super::text::{Text, access_modes, brackets, line, quantity, since, time};
use super::persistent_volume::CLASS;
use crate::value::{at, list, shown, text};

/// Asks for the pods in the claim's namespace.
pub fn needs(claim: &Value) -> Vec<Need> {
    vec![Need::new(PODS, format!("/api/v1/namespaces/{}/pods", text(claim, "/metadata/namespace")))]
}

/// Writes a claim and who uses it.
pub fn describe(out: &mut Text, claim: &Value, related: &Related) {
    out.name_and_namespace(claim);
    line!(out, 0, "StorageClass:\t{}", class(claim));
    if at(claim, "/metadata/deletionTimestamp").is_some() {
        line!(out, 0, "Status:\tTerminating (lasts {})", since(claim, "/metadata/deletionTimestamp", related.now));
    } else {
        line!(out, 0, "Status:\t{}", text(claim, "/status/phase"));
    }
    line!(out, 0, "Volume:\t{}", text(claim, "/spec/volumeName"));
    out.labels_and_annotations(claim);
    line!(out, 0, "Finalizers:\t{}", brackets(list(claim, "/metadata/finalizers")));
    rest(out, claim, 0);
    let mut users = users(claim, related);
    users.sort_unstable();
    out.column("Used By", users.into_iter().map(str::to_owned));
    for (i, c) in list(claim, "/status/conditions").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Conditions:");
            line!(out, 1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage");
            line!(out, 1, "----\t------\t-----------------\t------------------\t------\t-------");
        }
        let (probed, changed) = (time(c, "/lastProbeTime"), time(c, "/lastTransitionTime"));
        let (kind, status, reason) = (text(c, "/type"), text(c, "/status"), text(c, "/reason"));
        line!(out, 1, "{kind} \t{status} \t{probed} \t{changed} \t{reason} \t{}", text(c, "/message"));
    }
}

/// Writes a template for claims, inside a pod's volume.
pub fn template(out: &mut Text, template: &Value) {
    line!(out, 2, "StorageClass:\t{}", class(template));
    line!(out, 2, "Volume:\t{}", text(template, "/spec/volumeName"));
    out.labels("    Labels", template.pointer("/metadata/labels"));
    out.annotations("    Annotations", template.pointer("/metadata/annotations"));
    rest(out, template, 2);
}

fn class(claim: &Value) -> &str {
    corvette_api::meta::annotation(claim, CLASS).unwrap_or(text(claim, "/spec/storageClassName"))
}

fn rest(out: &mut Text, claim: &Value, level: usize) {
    let (mut capacity, mut modes) = (String::new(), String::new());
    if !text(claim, "/spec/volumeName").is_empty() {
        capacity = at(claim, "/status/capacity/storage").map_or_else(|| "0".to_owned(), quantity);
        modes = access_modes(claim, "/status/accessModes");
    }
    line!(out, level, "Capacity:\t{capacity}");
    line!(out, level, "Access Modes:\t{modes}");
    if at(claim, "/spec/volumeMode").is_some() {
        line!(out, level, "VolumeMode:\t{}", shown(claim, "/spec/volumeMode"));
    }
    if let Some(source) = at(claim, "/spec/dataSource") {
        line!(out, level, "DataSource:");
        for (label, pointer) in [("APIGroup", "/apiGroup"), ("Kind", "/kind"), ("Name", "/name")] {
            if at(source, pointer).is_some() {
                line!(out, level + 1, "{label}:\t{}", text(source, pointer));
            }
        }
    }
}

/// Pods that mount the claim, and pods that own it.
fn users<'a>(claim: &Value, related: &'a Related) -> Vec<&'a str> {
    let name = text(claim, "/metadata/name");
    let mounts =
        |pod: &Value| list(pod, "/spec/volumes").iter().any(|v| text(v, "/persistentVolumeClaim/claimName") == name);
    let owns = |pod: &Value| {
        let uid = text(pod, "/metadata/uid");
        list(claim, "/metadata/ownerReferences")
            .iter()
            .any(|owner| text(owner, "/kind") == "Pod" && text(owner, "/uid") == uid)
    };
    let pods = related.items(PODS).unwrap_or_default();
    pods.iter().filter(|pod| mounts(pod) || owns(pod)).map(|pod| text(pod, "/metadata/name")).collect()
}
