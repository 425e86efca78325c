//! Resource limits of containers in the kernel's terms. As upstream's `pkg/kubelet/cm/helpers_linux.go @ v1.36`.

use corvette_client::placement;
use corvette_proto::cri::LinuxContainerResources;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pods::spec;
use crate::resources::{self, Amounts};

const SHARES_PER_CPU: i64 = 1024;
const MIN_SHARES: i64 = 2;
const MAX_SHARES: i64 = 262_144;
/// Microseconds.
const PERIOD: i64 = 100_000;
/// Microseconds.
const MIN_QUOTA: i64 = 1000;

/// Limits of a container; `capacity` is the node's, `floor` the lowest OOM score that may be set.
pub fn limits(pod: &Pod, container: &Container, capacity: Amounts, floor: i64) -> LinuxContainerResources {
    let of = |quantity: Option<_>| quantity.unwrap_or(0);
    let cpu_limit = of(resources::limit(container, "cpu").and_then(resources::milli));
    let cpu_request = of(resources::request(container, "cpu").and_then(resources::milli));
    let memory = of(resources::limit(container, "memory").and_then(resources::value));
    let (quota, period) = quota(cpu_limit);
    LinuxContainerResources {
        cpu_shares: shares(cpu_request),
        cpu_quota: quota,
        cpu_period: period,
        memory_limit_in_bytes: memory.max(0),
        oom_score_adj: oom_score(pod, container, capacity.memory).max(floor),
        ..LinuxContainerResources::default()
    }
}

/// Limits of the cgroup around all containers of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodLimits {
    /// Weight among pods, 1024 for a processor.
    pub cpu_shares: i64,
    /// Microseconds of processor in each [`PodLimits::CPU_PERIOD`]; 0 is no limit.
    pub cpu_quota: i64,
    /// Bytes; 0 is no limit.
    pub memory: i64,
}

impl PodLimits {
    /// Microseconds.
    pub const CPU_PERIOD: i64 = PERIOD;

    /// The same without limits: those of containers can be changed in any order below it.
    pub fn lifted(self) -> Self {
        Self { cpu_quota: 0, memory: 0, ..self }
    }
}

/// Limits of a pod: its requests and limits together, the latter only where each container has one
/// (`pkg/kubelet/cm/helpers_linux.go: ResourceConfigForPod @ v1.36`).
pub fn of_pod(pod: &Pod) -> PodLimits {
    let none = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&none);
    let all = placement::limits_of_pod(spec);
    let declared = |resource: &str| {
        let of_pod = spec.resources.as_ref().and_then(|own| own.limits.as_ref()?.get(resource));
        let mut containers = spec::all_containers(pod);
        let positive = |quantity: Option<&Quantity>| quantity.and_then(resources::milli).is_some_and(|milli| milli > 0);
        positive(of_pod) || containers.all(|container| positive(resources::limit(container, resource)))
    };
    PodLimits {
        cpu_shares: shares(placement::of_pod(spec).milli_cpu),
        cpu_quota: if declared("cpu") { quota(all.milli_cpu).0 } else { 0 },
        memory: if declared("memory") { all.memory } else { 0 },
    }
}

fn shares(milli: i64) -> i64 {
    if milli <= 0 {
        return MIN_SHARES;
    }
    (milli.saturating_mul(SHARES_PER_CPU) / 1000).clamp(MIN_SHARES, MAX_SHARES)
}

fn quota(milli: i64) -> (i64, i64) {
    if milli <= 0 {
        return (0, 0);
    }
    ((milli.saturating_mul(PERIOD) / 1000).max(MIN_QUOTA), PERIOD)
}

/// How readily the kernel kills the container when memory runs out: containers that ask for much are spared longer.
fn oom_score(pod: &Pod, container: &Container, capacity: i64) -> i64 {
    match resources::qos_class(pod) {
        "Guaranteed" => -997,
        "BestEffort" => 1000,
        _ => {
            let request = resources::request(container, "memory").and_then(resources::value).unwrap_or(0);
            let share = if capacity > 0 { request.saturating_mul(1000) / capacity } else { 0 };
            (1000 - share).clamp(3, 999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_and_limits_become_shares_quota_and_bytes() {
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [{
            "name": "c", "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "2Gi"}}
        }]}}))
        .unwrap();
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let capacity = Amounts { cpu: 4000, memory: 8 << 30, storage: 0 };
        let limits = limits(&pod, container, capacity, -1000);
        assert_eq!((limits.cpu_shares, limits.cpu_quota, limits.cpu_period), (256, 50_000, 100_000));
        assert_eq!((limits.memory_limit_in_bytes, limits.oom_score_adj), (2 << 30, 875));
    }

    #[test]
    fn a_pod_has_the_limits_of_all_its_containers_where_each_has_one() {
        let of = |spec: serde_json::Value| of_pod(&serde_json::from_value(json!({ "spec": spec })).unwrap());
        let sized = |requests: serde_json::Value, limits: serde_json::Value| json!({"name": "c", "resources": {"requests": requests, "limits": limits}});
        let one = sized(json!({"cpu": "250m"}), json!({"cpu": "500m", "memory": "1Gi"}));
        let two = sized(json!({"cpu": "1"}), json!({"cpu": "1"}));
        let init = sized(json!({"cpu": "2"}), json!({"cpu": "3", "memory": "1Mi"}));
        let limits = of(json!({"containers": [one, two]}));
        assert_eq!(limits, PodLimits { cpu_shares: 1280, cpu_quota: 150_000, memory: 0 });
        let limits = of(json!({"containers": [one], "initContainers": [init]}));
        assert_eq!(limits, PodLimits { cpu_shares: 2048, cpu_quota: 300_000, memory: 1 << 30 });
        let limits = of(json!({"containers": [two], "resources": {"limits": {"memory": "2Gi"}}}));
        assert_eq!(limits, PodLimits { cpu_shares: 1024, cpu_quota: 100_000, memory: 2 << 30 });
        let nothing = of(json!({"containers": [{"name": "c"}]}));
        assert_eq!(nothing, PodLimits { cpu_shares: 2, cpu_quota: 0, memory: 0 });
    }

    #[test]
    fn a_container_without_resources_gets_the_least_shares_and_no_quota() {
        let pod = Pod::default();
        let limits = limits(&pod, &Container::default(), Amounts::default(), 0);
        assert_eq!((limits.cpu_shares, limits.cpu_quota, limits.cpu_period), (2, 0, 0));
        assert_eq!(limits.oom_score_adj, 1000);
    }
}
