//! Pods.

use serde_json::Value;

use super::super::containers::{containers, resources, spread_constraints, tolerations};
use super::super::related::Related;
use super::super::text::{Text, line, since, time};
use super::super::volumes;
use crate::value::{at, int, list, shown, text};

/// Writes a pod.
pub fn describe(out: &mut Text, pod: &Value, related: &Related) {
    who(out, pod);
    status(out, pod, related);
    for (label, pointer, statuses) in [
        ("Init Containers", "/spec/initContainers", "/status/initContainerStatuses"),
        ("Containers", "/spec/containers", "/status/containerStatuses"),
        ("Ephemeral Containers", "/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
    ] {
        if label == "Containers" || !list(pod, pointer).is_empty() {
            containers(out, label, pod, pointer, Some(statuses));
        }
    }
    conditions(out, pod);
    let null = Value::Null;
    let spec = at(pod, "/spec").unwrap_or(&null);
    volumes::volumes(out, spec, "");
    line!(out, 0, "QoS Class:\t{}", text(pod, "/status/qosClass"));
    out.labels("Node-Selectors", spec.pointer("/nodeSelector"));
    tolerations(out, "Tolerations", spec);
    spread_constraints(out, spec, "");
}

fn who(out: &mut Text, pod: &Value) {
    out.name_and_namespace(pod);
    for (label, pointer) in [
        ("Priority", "/spec/priority"),
        ("Priority Class Name", "/spec/priorityClassName"),
        ("Runtime Class Name", "/spec/runtimeClassName"),
        ("Service Account", "/spec/serviceAccountName"),
    ] {
        optional(out, label, pod, pointer);
    }
    match text(pod, "/spec/nodeName") {
        "" => line!(out, 0, "Node:\t<none>"),
        node => line!(out, 0, "Node:\t{node}/{}", text(pod, "/status/hostIP")),
    }
    if at(pod, "/status/startTime").is_some() {
        line!(out, 0, "Start Time:\t{}", time(pod, "/status/startTime"));
    }
    out.labels_and_annotations(pod);
}

fn optional(out: &mut Text, label: &str, pod: &Value, pointer: &str) {
    let value = shown(pod, pointer);
    if !value.is_empty() {
        line!(out, 0, "{label}:\t{value}");
    }
}

fn status(out: &mut Text, pod: &Value, related: &Related) {
    let phase = text(pod, "/status/phase");
    if at(pod, "/metadata/deletionTimestamp").is_some() && !matches!(phase, "Failed" | "Succeeded") {
        line!(out, 0, "Status:\tTerminating (lasts {})", since(pod, "/metadata/deletionTimestamp", related.now));
        line!(out, 0, "Termination Grace Period:\t{}s", int(pod, "/metadata/deletionGracePeriodSeconds"));
    } else {
        line!(out, 0, "Status:\t{phase}");
    }
    optional(out, "Reason", pod, "/status/reason");
    optional(out, "Message", pod, "/status/message");
    optional(out, "SeccompProfile", pod, "/spec/securityContext/seccompProfile/type");
    optional(out, "LocalhostProfile", pod, "/spec/securityContext/seccompProfile/localhostProfile");
    line!(out, 0, "IP:\t{}", text(pod, "/status/podIP"));
    let addresses = list(pod, "/status/podIPs");
    line!(out, 0, "IPs:{}", if addresses.is_empty() { "\t<none>" } else { "" });
    for address in addresses {
        line!(out, 1, "IP:\t{}", text(address, "/ip"));
    }
    out.controlled_by(pod);
    optional(out, "NominatedNodeName", pod, "/status/nominatedNodeName");
    if at(pod, "/spec/resources").is_some() {
        line!(out, 0, "Resources:");
        resources(out, pod.get("spec").unwrap_or(&Value::Null), 1);
    }
}

fn conditions(out: &mut Text, pod: &Value) {
    let conditions = list(pod, "/status/conditions");
    for (i, gate) in list(pod, "/spec/readinessGates").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Readiness Gates:");
            line!(out, 1, "Type\tStatus");
        }
        let kind = text(gate, "/conditionType");
        let status = conditions.iter().find(|c| text(c, "/type") == kind).map_or("<none>", |c| text(c, "/status"));
        line!(out, 1, "{kind} \t{status} ");
    }
    for (i, condition) in conditions.iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Conditions:");
            line!(out, 1, "Type\tStatus");
        }
        line!(out, 1, "{} \t{} ", text(condition, "/type"), text(condition, "/status"));
    }
}
