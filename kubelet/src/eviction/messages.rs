//! Upstream's words for evictions (`pkg/kubelet/eviction/helpers.go @ v1.36`).

use corvette_client::placement::Toleration;
use k8s_openapi::api::core::v1::Pod;

use super::pressure::Pressure;
use super::rank;
use crate::resources;
use crate::status::Verdict;

/// Reason of pods that were evicted, and of those that are not taken under pressure.
pub const REASON: &str = "Evicted";

pub(super) fn verdict(message: String) -> Verdict {
    Verdict { reason: REASON.to_owned(), message }
}

/// A number of bytes in its largest whole unit.
pub(super) fn bytes(amount: i64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti"];
    let (mut amount, mut unit) = (amount, 0);
    while amount != 0 && amount % 1024 == 0 && unit + 1 < units.len() {
        amount /= 1024;
        unit += 1;
    }
    format!("{amount}{}", units.get(unit).copied().unwrap_or_default())
}

/// What a container uses of the resource that the node is short of.
pub(super) struct Use<'a> {
    pub(super) container: &'a str,
    pub(super) used: i64,
    pub(super) request: i64,
}

pub(super) fn low(resource: &str, threshold: i64, available: i64, uses: &[Use<'_>]) -> Verdict {
    let (threshold, available) = (bytes(threshold), bytes(available));
    let mut message =
        format!("The node was low on resource: {resource}. Threshold quantity: {threshold}, available: {available}. ");
    for Use { container, used, request } in uses.iter().filter(|one| one.used > one.request) {
        let (used, request) = (bytes(*used), bytes(*request));
        message.push_str(&format!(
            "Container {container} was using {used}, request is {request}, has larger consumption of {resource}. "
        ));
    }
    verdict(message)
}

pub(super) fn empty_dir(volume: &str, limit: &str) -> Verdict {
    verdict(format!("Usage of EmptyDir volume {volume:?} exceeds the limit {limit:?}. "))
}

pub(super) fn container(name: &str, limit: &str) -> Verdict {
    verdict(format!("Container {name} exceeded its local ephemeral storage limit {limit:?}. "))
}

pub(super) fn pod(limit: &str) -> Verdict {
    verdict(format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "))
}

/// Why a pod is not taken under pressure; `None` when it is: short memory keeps only those away that ask for none and
/// do not tolerate it.
pub fn refusal(pod: &Pod, tolerations: &[Toleration], pressure: Pressure) -> Option<Verdict> {
    let spec = pod.spec.as_ref();
    if pressure.is_none() || spec.and_then(|spec| spec.priority).unwrap_or(0) >= rank::CRITICAL {
        return None;
    }
    if pressure == (Pressure { memory: true, ..Pressure::default() }) {
        let taint = corvette_client::placement::Taint {
            key: "node.kubernetes.io/memory-pressure".to_owned(),
            value: String::new(),
            effect: corvette_client::placement::Effect::NoSchedule,
        };
        let tolerated = tolerations.iter().any(|toleration| toleration.tolerates(&taint));
        if tolerated || resources::qos_class(pod) != "BestEffort" {
            return None;
        }
    }
    Some(verdict(format!("The node had condition: [{}]. ", pressure.conditions().join(" "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_upstreams() {
        let uses =
            [Use { container: "a", used: 2 << 20, request: 0 }, Use { container: "b", used: 1, request: 1 << 30 }];
        assert_eq!(
            low("memory", 100 << 20, 51_201 << 10, &uses).message,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 51201Ki. Container a was using \
             2Mi, request is 0, has larger consumption of memory. "
        );
        assert_eq!(empty_dir("v", "1Mi").message, "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ");
    }

    #[test]
    fn short_memory_keeps_only_pods_away_that_ask_for_none() {
        let pod = |spec| serde_json::from_value::<Pod>(json!({"spec": spec})).unwrap();
        let plain = pod(json!({"containers": [{"name": "c"}]}));
        let asking = pod(json!({"containers": [{"name": "c", "resources": {"requests": {"memory": "1Mi"}}}]}));
        let memory = Pressure { memory: true, ..Pressure::default() };
        let message = |pod, pressure| refusal(pod, &[], pressure).map(|why| why.message);
        assert_eq!(message(&plain, memory).unwrap(), "The node had condition: [MemoryPressure]. ");
        assert_eq!(message(&asking, memory), None);
        let both = Pressure { disk: true, ..memory };
        assert_eq!(message(&asking, both).unwrap(), "The node had condition: [DiskPressure MemoryPressure]. ");
        assert_eq!(message(&plain, Pressure::default()), None);
    }
}
