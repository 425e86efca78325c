//! Assigning a pod to a node.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::common::values::{ensure, fill, int, is_unset, list, remove, set, text};
use crate::time;

/// Why a pod cannot be bound; the pipeline answers 409 with this text as the detail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The pod is on its way out.
    #[error("pod {0} is being deleted, cannot be assigned to a host")]
    Deleted(String),
    /// The pod has a node.
    #[error("pod {0} is already assigned to node {1:?}")]
    Assigned(String, String),
    /// Something still holds the pod back.
    #[error("pod {0} has non-empty .spec.schedulingGates")]
    Gated(String),
}

/// Puts a pod on the node that a Binding names: sets `spec.nodeName` and the condition `PodScheduled`, and takes over the
/// Binding's annotations and labels.
///
/// # Errors
/// [`BindError`] when the pod is being deleted, has a node already, or is gated.
pub fn bind(pod: &mut Value, binding: &Value, now: Timestamp) -> Result<(), BindError> {
    let name = text(pod, "/metadata/name").to_owned();
    if !is_unset(pod.pointer("/metadata/deletionTimestamp")) {
        return Err(BindError::Deleted(name));
    }
    let current = text(pod, "/spec/nodeName");
    if !current.is_empty() {
        return Err(BindError::Assigned(name, current.to_owned()));
    }
    if !list(pod, "/spec/schedulingGates").is_empty() {
        return Err(BindError::Gated(name));
    }
    if let Some(spec) = ensure(pod, "spec") {
        set(spec, "nodeName", text(binding, "/target/name"));
    }
    for field in ["annotations", "labels"] {
        let Some(from) = binding.pointer(&format!("/metadata/{field}")).and_then(Value::as_object) else { continue };
        let target = ensure(pod, "metadata").and_then(|m| ensure(m, field));
        if let Some(map) = target.and_then(Value::as_object_mut) {
            map.extend(from.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    let observed = int(pod, "/metadata/generation");
    if let Some(status) = ensure(pod, "status") {
        remove(status, "nominatedNodeName");
        scheduled(status, observed, now);
    }
    Ok(())
}

fn scheduled(status: &mut Value, observed: Option<i64>, now: Timestamp) {
    fill(status, "conditions", Value::Array(Vec::new()));
    let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) else { return };
    let mut condition = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": time::format(now),
    });
    if let Some(observed) = observed.filter(|o| *o != 0) {
        set(&mut condition, "observedGeneration", observed);
    }
    conditions.retain(|c| text(c, "/type") != "PodScheduled");
    conditions.push(condition);
}
