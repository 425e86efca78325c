//! What a workload's description says about its pods and the template they are made from.

use serde_json::Value;

use super::containers::{containers, spread_constraints, tolerations};
use super::related::{Need, Related};
use super::text::{Text, line, selector};
use super::volumes;
use crate::request::with_query;
use crate::value::{at, entries, list, plain, text};

/// Key of a workload's pods among related objects.
pub const PODS: &str = "pods";

/// Writes a template for pods.
pub fn template(out: &mut Text, template: &Value) {
    let null = Value::Null;
    let spec = at(template, "/spec").unwrap_or(&null);
    line!(out, 0, "Pod Template:");
    out.labels("  Labels", template.pointer("/metadata/labels"));
    if entries(template, "/metadata/annotations").next().is_some() {
        out.annotations("  Annotations", template.pointer("/metadata/annotations"));
    }
    if !text(spec, "/serviceAccountName").is_empty() {
        line!(out, 1, "Service Account:\t{}", text(spec, "/serviceAccountName"));
    }
    if !list(spec, "/initContainers").is_empty() {
        containers(out, "Init Containers", spec, "/initContainers", None);
    }
    containers(out, "Containers", spec, "/containers", None);
    volumes::volumes(out, spec, "  ");
    spread_constraints(out, spec, "  ");
    if !text(spec, "/priorityClassName").is_empty() {
        line!(out, 1, "Priority Class Name:\t{}", text(spec, "/priorityClassName"));
    }
    out.labels("  Node-Selectors", spec.pointer("/nodeSelector"));
    tolerations(out, "  Tolerations", spec);
}

/// The pods a workload selects with its `spec.selector`.
pub fn pods_of(workload: &Value) -> Vec<Need> {
    let plain_map = at(workload, "/spec/selector")
        .is_some_and(|s| s.get("matchLabels").is_none() && s.get("matchExpressions").is_none());
    let query = if plain_map {
        let pairs = entries(workload, "/spec/selector").map(|(k, v)| format!("{k}={}", plain(v)));
        pairs.collect::<Vec<_>>().join(",")
    } else {
        selector(workload, "/spec/selector")
    };
    let path = format!("/api/v1/namespaces/{}/pods", text(workload, "/metadata/namespace"));
    vec![Need::new(PODS, with_query(&path, &[("labelSelector", &query)]))]
}

/// `2 Running / 1 Waiting / 0 Succeeded / 0 Failed`: the phases of the pods the workload controls.
pub fn pods_status(workload: &Value, related: &Related) -> String {
    let pods = match related.items(PODS) {
        Ok(pods) => pods,
        Err(error) => return format!("error in fetching pods: {error}"),
    };
    let uid = text(workload, "/metadata/uid");
    let owned = |pod: &&Value| corvette_api::meta::controller_of(pod).is_some_and(|owner| text(owner, "/uid") == uid);
    let count = |phase: &str| pods.iter().filter(owned).filter(|pod| text(pod, "/status/phase") == phase).count();
    format!(
        "{} Running / {} Waiting / {} Succeeded / {} Failed",
        count("Running"),
        count("Pending"),
        count("Succeeded"),
        count("Failed")
    )
}
