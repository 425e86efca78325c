//! Deployments.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::template::template;
use super::super::text::{Text, line, or_none, selector, time};
use crate::request::with_query;
use crate::value::{at, int, shown, text};

const SETS: &str = "replicasets";

/// Asks for the replica sets the deployment selects.
pub fn needs(deployment: &Value) -> Vec<Need> {
    let path = format!("/apis/apps/v1/namespaces/{}/replicasets", text(deployment, "/metadata/namespace"));
    vec![Need::new(SETS, with_query(&path, &[("labelSelector", &selector(deployment, "/spec/selector"))]))]
}

/// Writes a deployment.
pub fn describe(out: &mut Text, deployment: &Value, related: &Related) {
    out.name_and_namespace(deployment);
    line!(out, 0, "CreationTimestamp:\t{}", time(deployment, "/metadata/creationTimestamp"));
    out.labels_and_annotations(deployment);
    line!(out, 0, "Selector:\t{}", selector(deployment, "/spec/selector"));
    line!(
        out,
        0,
        "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable",
        int(deployment, "/spec/replicas"),
        int(deployment, "/status/updatedReplicas"),
        int(deployment, "/status/replicas"),
        int(deployment, "/status/availableReplicas"),
        int(deployment, "/status/unavailableReplicas")
    );
    line!(out, 0, "StrategyType:\t{}", text(deployment, "/spec/strategy/type"));
    line!(out, 0, "MinReadySeconds:\t{}", int(deployment, "/spec/minReadySeconds"));
    if let Some(rolling) = at(deployment, "/spec/strategy/rollingUpdate") {
        line!(
            out,
            0,
            "RollingUpdateStrategy:\t{} max unavailable, {} max surge",
            shown(rolling, "/maxUnavailable"),
            shown(rolling, "/maxSurge")
        );
    }
    template(out, deployment.pointer("/spec/template").unwrap_or(&Value::Null));
    out.conditions(deployment);
    replica_sets(out, deployment, related);
}

/// The replica set of the current template, and the older ones.
fn replica_sets(out: &mut Text, deployment: &Value, related: &Related) {
    let uid = text(deployment, "/metadata/uid");
    let owned = |set: &&Value| corvette_api::meta::controller_of(set).is_some_and(|owner| text(owner, "/uid") == uid);
    let mut sets: Vec<&Value> = related.items(SETS).unwrap_or_default().iter().filter(owned).collect();
    if sets.is_empty() {
        return;
    }
    sets.sort_by_key(|set| (text(set, "/metadata/creationTimestamp"), text(set, "/metadata/name")));
    let wanted = without_hash(deployment);
    let newest = sets.iter().position(|set| without_hash(set) == wanted);
    let (mut old, mut new) = (Vec::new(), String::new());
    for (i, set) in sets.into_iter().enumerate() {
        let (replicas, desired) = (int(set, "/status/replicas"), int(set, "/spec/replicas"));
        let shown = format!("{} ({replicas}/{desired} replicas created)", text(set, "/metadata/name"));
        if Some(i) == newest { new = shown } else { old.push(shown) }
    }
    line!(out, 0, "OldReplicaSets:\t{}", or_none(old.join(", ")));
    line!(out, 0, "NewReplicaSet:\t{}", or_none(new));
}

/// The template, without the label that tells replica sets apart.
fn without_hash(workload: &Value) -> Value {
    let mut template = workload.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    template
}
