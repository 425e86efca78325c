//! The quality-of-service class of a pod (`pkg/apis/core/helper/qos @ v1.36`).

use serde_json::Value;

use crate::kinds::common::values::{is_zero, list};
use crate::kinds::podspec::resources::{Totals, totals};
use crate::quantity::Quantity;

/// Computes the class: `Guaranteed` when every container has equal requests and limits of CPU and memory, `BestEffort` when
/// none has any, else `Burstable`. Pod-level resources count instead of the containers' where they are set.
pub fn compute(pod: &Value) -> &'static str {
    let requirements: Vec<&Value> = if has_pod_level(pod) {
        pod.pointer("/spec").into_iter().collect()
    } else {
        list(pod, "/spec/containers").iter().chain(list(pod, "/spec/initContainers")).collect()
    };
    let (mut any, mut guaranteed) = (false, true);
    for owner in requirements {
        let requests = compute_resources(owner, "/resources/requests");
        let limits = compute_resources(owner, "/resources/limits");
        any |= !requests.is_empty() || !limits.is_empty();
        guaranteed &= limits.len() == 2 && requests.iter().all(|(name, quantity)| limits.get(name) == Some(quantity));
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn has_pod_level(pod: &Value) -> bool {
    !is_zero(pod.pointer("/spec/resources/requests")) || !is_zero(pod.pointer("/spec/resources/limits"))
}

fn compute_resources(owner: &Value, pointer: &str) -> Totals {
    let mut all = totals(owner, pointer);
    all.retain(|name, quantity| matches!(name.as_str(), "cpu" | "memory") && *quantity > Quantity::ZERO);
    all
}
