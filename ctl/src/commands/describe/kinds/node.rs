//! Nodes.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::template::PODS;
use super::super::text::{Text, line, or_none, quantity, time};
use super::node_resources;
use crate::request::with_query;
use crate::value::{at, entries, flag, list, plain, text, texts};

const LEASE: &str = "lease";
/// Prefix of labels that give a node a role.
const ROLE_PREFIX: &str = "node-role.kubernetes.io/";

/// Asks for the pods on the node that have not ended, and for its lease.
pub fn needs(node: &Value) -> Vec<Need> {
    let name = text(node, "/metadata/name");
    let selector = format!("spec.nodeName={name},status.phase!=Failed,status.phase!=Succeeded");
    vec![
        Need::new(PODS, with_query("/api/v1/pods", &[("fieldSelector", &selector)])),
        Need::new(LEASE, format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")),
    ]
}

/// Writes a node and what runs on it.
pub fn describe(out: &mut Text, node: &Value, related: &Related) {
    out.name(node);
    line!(out, 0, "Roles:\t{}", or_none(roles(node).join(",")));
    out.labels_and_annotations(node);
    line!(out, 0, "CreationTimestamp:\t{}", time(node, "/metadata/creationTimestamp"));
    let mut taints: Vec<&Value> = list(node, "/spec/taints").iter().collect();
    taints.sort_by_key(|taint| (text(taint, "/effect"), text(taint, "/key")));
    out.column("Taints", taints.into_iter().map(taint));
    line!(out, 0, "Unschedulable:\t{}", flag(node, "/spec/unschedulable"));
    lease(out, related);
    conditions(out, node);
    line!(out, 0, "Addresses:");
    for address in list(node, "/status/addresses") {
        line!(out, 1, "{}:\t{}", text(address, "/type"), text(address, "/address"));
    }
    for (label, pointer) in [("Capacity", "/status/capacity"), ("Allocatable", "/status/allocatable")] {
        for (i, (name, amount)) in entries(node, pointer).enumerate() {
            if i == 0 {
                line!(out, 0, "{label}:");
            }
            line!(out, 1, "{name}:\t{}", quantity(amount));
        }
    }
    info(out, node);
    match related.items(PODS) {
        Ok(pods) => node_resources::describe(out, node, pods, related.now),
        Err(_) => line!(out, 0, "Pods:\tnot authorized"),
    }
}

fn roles(node: &Value) -> Vec<String> {
    let mut roles: Vec<String> = entries(node, "/metadata/labels")
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role.to_owned()),
            None if key == "kubernetes.io/role" => Some(plain(value)),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

fn taint(taint: &Value) -> String {
    let (key, value, effect) = (text(taint, "/key"), text(taint, "/value"), text(taint, "/effect"));
    match (value, effect) {
        ("", "") => key.to_owned(),
        ("", effect) => format!("{key}:{effect}"),
        (value, "") => format!("{key}={value}:"),
        (value, effect) => format!("{key}={value}:{effect}"),
    }
}

fn lease(out: &mut Text, related: &Related) {
    let lease = match related.get(LEASE) {
        Ok(lease) => lease,
        Err(error) => {
            line!(out, 0, "Lease:\tFailed to get lease: {error}");
            return;
        }
    };
    line!(out, 0, "Lease:");
    let holder = at(lease, "/spec/holderIdentity").map_or_else(|| "<unset>".to_owned(), plain);
    line!(out, 1, "HolderIdentity:\t{holder}");
    for (label, pointer) in [("AcquireTime", "/spec/acquireTime"), ("RenewTime", "/spec/renewTime")] {
        let when = at(lease, pointer).map_or_else(|| "<unset>".to_owned(), |_| time(lease, pointer));
        line!(out, 1, "{label}:\t{when}");
    }
}

fn conditions(out: &mut Text, node: &Value) {
    for (i, c) in list(node, "/status/conditions").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Conditions:");
            line!(out, 1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
            line!(out, 1, "----\t------\t-----------------\t------------------\t------\t-------");
        }
        let (heard, changed) = (time(c, "/lastHeartbeatTime"), time(c, "/lastTransitionTime"));
        let (kind, status, reason) = (text(c, "/type"), text(c, "/status"), text(c, "/reason"));
        line!(out, 1, "{kind} \t{status} \t{heard} \t{changed} \t{reason} \t{}", text(c, "/message"));
    }
}

fn info(out: &mut Text, node: &Value) {
    line!(out, 0, "System Info:");
    for (label, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        line!(out, 1, "{label}:\t{}", text(node, &format!("/status/nodeInfo/{field}")));
    }
    for (label, value) in [
        ("PodCIDR", text(node, "/spec/podCIDR").to_owned()),
        ("PodCIDRs", texts(node, "/spec/podCIDRs").join(",")),
        ("ProviderID", text(node, "/spec/providerID").to_owned()),
    ] {
        if !value.is_empty() {
            line!(out, 0, "{label}:\t{value}");
        }
    }
}
