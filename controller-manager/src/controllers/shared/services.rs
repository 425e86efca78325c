//! From Services to the pods behind them: what the two endpoint controllers share. Pure, but for the wiring.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::pods;
use crate::framework::Queue;

/// When the pods or the service last changed in a way that shows in the endpoints.
pub const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// Marks the endpoints of a service without cluster address.
pub const HEADLESS: &str = "service.kubernetes.io/headless";

/// Adds the key of a service when it changes, and when a pod it selects changes in a way that matters.
pub fn watch(services: &Informer<Service>, pods: &Informer<Pod>, queue: &Queue) {
    let keys = queue.clone();
    services.on_change(move |change| keys.add(NamespacedName::of(change.object().as_ref())));
    let (services, keys) = (services.clone(), queue.clone());
    pods.on_change(move |change| match change {
        Change::Added(pod) | Change::Deleted(pod) => wake(&services, pod, &keys),
        Change::Updated { old, new } => {
            if old.labels() != new.labels() {
                wake(&services, old, &keys);
                wake(&services, new, &keys);
            } else if matters(old) != matters(new) {
                wake(&services, new, &keys);
            }
        }
    });
}

fn wake(services: &Informer<Service>, pod: &Pod, queue: &Queue) {
    for service in services.in_namespace(pod.metadata.namespace.as_deref().unwrap_or_default()) {
        if selects(&service, pod) {
            queue.add(NamespacedName::of(service.as_ref()));
        }
    }
}

/// What of a pod shows in endpoints.
fn matters(pod: &Pod) -> (bool, bool, bool, Vec<&str>, Option<&str>) {
    let deleted = pod.metadata.deletion_timestamp.is_some();
    (pods::is_ready(pod), pods::is_terminal(pod), deleted, addresses(pod), pods::node_name(pod))
}

/// Returns the selector of a service whose endpoints are managed; `None` for others.
pub fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() != Some("ExternalName"))?;
    spec.selector.as_ref().filter(|selector| !selector.is_empty())
}

/// Says whether a service's selector selects a pod.
pub fn selects(service: &Service, pod: &Pod) -> bool {
    selector(service).is_some_and(|wanted| wanted.iter().all(|(key, value)| pod.labels().get(key) == Some(value)))
}

/// Returns the pods that a service selects and that have an address and have not ended.
pub fn backends(service: &Service, candidates: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
    let serves = |pod: &&Arc<Pod>| selects(service, pod) && !pods::is_terminal(pod) && !addresses(pod).is_empty();
    candidates.iter().filter(serves).cloned().collect()
}

/// Returns a pod's addresses.
pub fn addresses(pod: &Pod) -> Vec<&str> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all: Vec<&str> = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str()).filter(|ip| !ip.is_empty()).collect();
    if all.is_empty() { status.pod_ip.as_deref().filter(|ip| !ip.is_empty()).into_iter().collect() } else { all }
}

/// Says whether pods that are not ready are published as ready.
pub fn publishes_not_ready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or_default()
}

/// Says whether a service has no cluster address.
pub fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

/// Returns a service's ports.
pub fn ports(service: &Service) -> &[ServicePort] {
    service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default()
}

/// Resolves the target of a service's port on a pod; `None` when the pod has no port of that name.
pub fn target_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        None => return Some(port.port),
        Some(IntOrString::Int(0)) => return Some(port.port),
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
    };
    let spec = pod.spec.as_ref()?;
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let named = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let found = named
        .filter(|p| p.name.as_deref() == Some(name) && p.protocol.as_deref().unwrap_or("TCP") == protocol)
        .map(|p| p.container_port);
    found.into_iter().next()
}

/// Returns the host name under which a pod is found in the service's domain.
pub fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let in_domain = spec.subdomain.as_deref() == service.metadata.name.as_deref();
    spec.hostname.clone().filter(|hostname| in_domain && !hostname.is_empty())
}

/// Returns the reference from an endpoint to its pod.
pub fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.namespace(),
        name: Some(pod.name_any()),
        uid: pod.uid(),
        ..ObjectReference::default()
    }
}

/// Returns when the service or one of its pods last changed, as far as the objects tell.
pub fn last_change(service: &Service, backends: &[Arc<Pod>]) -> Option<Timestamp> {
    let pods = backends.iter().filter_map(|pod| {
        pods::condition(pod, "Ready").and_then(|ready| ready.last_transition_time.as_ref()).map(|time| time.0)
    });
    pods.chain(service.metadata.creation_timestamp.as_ref().map(|time| time.0)).max()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};

    use super::*;

    #[test]
    fn a_named_port_is_resolved_on_each_pod() {
        let container_port = |name: &str, protocol: &str, number| ContainerPort {
            name: Some(name.to_owned()),
            protocol: Some(protocol.to_owned()),
            container_port: number,
            ..ContainerPort::default()
        };
        let container = Container {
            ports: Some(vec![container_port("dns", "TCP", 53), container_port("dns", "UDP", 5353)]),
            ..Container::default()
        };
        let pod = Pod { spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }), ..Pod::default() };
        let port = |target: Option<IntOrString>, protocol: &str| ServicePort {
            port: 80,
            protocol: Some(protocol.to_owned()),
            target_port: target,
            ..ServicePort::default()
        };
        let named = |name: &str| Some(IntOrString::String(name.to_owned()));
        assert_eq!(target_port(&pod, &port(named("dns"), "UDP")), Some(5353));
        assert_eq!(target_port(&pod, &port(named("http"), "TCP")), None);
        assert_eq!(target_port(&pod, &port(Some(IntOrString::Int(8080)), "TCP")), Some(8080));
        assert_eq!(target_port(&pod, &port(None, "TCP")), Some(80));
    }
}
