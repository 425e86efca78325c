//! The Endpoints a service should have. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::shared::{pods, services};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const WRITER: &str = "endpoint-controller";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// The most addresses in one object; what is beyond is left out and marked.
const CAPACITY: usize = 1000;

/// A port in a form that can be compared and ordered: name, number, protocol, application protocol.
type PortKey = (Option<String>, i32, String, Option<String>);

/// The addresses behind one set of ports.
#[derive(Default)]
struct Addresses {
    ready: Vec<EndpointAddress>,
    not_ready: Vec<EndpointAddress>,
}

/// Returns the Endpoints of `service`; `None` when `current` already is what it should be.
pub fn plan(service: &Service, backends: &[Arc<Pod>], current: Option<&Endpoints>) -> Option<Endpoints> {
    let mut subsets = subsets(service, backends);
    let truncated = truncate(&mut subsets);
    let mut next = current.cloned().unwrap_or_else(|| Endpoints {
        metadata: ObjectMeta {
            name: Some(service.name_any()),
            namespace: service.namespace(),
            ..ObjectMeta::default()
        },
        subsets: None,
    });
    next.subsets = (!subsets.is_empty()).then_some(subsets);
    next.metadata.labels = Some(labels(service));
    let annotations = next.metadata.annotations.get_or_insert_default();
    if truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    } else {
        annotations.remove(OVER_CAPACITY);
    }
    let same = |current: &Endpoints| {
        let empty = |endpoints: &Endpoints| endpoints.subsets.as_ref().is_none_or(Vec::is_empty);
        (current.subsets == next.subsets || (empty(current) && empty(&next)))
            && current.labels() == next.labels()
            && current.annotations().get(OVER_CAPACITY) == next.annotations().get(OVER_CAPACITY)
    };
    if current.is_some_and(same) {
        return None;
    }
    if let Some(change) = services::last_change(service, backends) {
        let time = change.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        next.annotations_mut().insert(services::LAST_CHANGE.to_owned(), time);
    }
    if next.annotations().is_empty() {
        next.metadata.annotations = None;
    }
    Some(next)
}

/// Says whether this controller wrote the object.
pub fn is_ours(endpoints: &Endpoints) -> bool {
    endpoints.labels().get(MANAGED_BY).is_some_and(|writer| writer == WRITER)
}

fn subsets(service: &Service, backends: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let publish = services::publishes_not_ready(service);
    let mut groups: BTreeMap<Vec<PortKey>, Addresses> = BTreeMap::new();
    // A pod that goes away is no endpoint, unless it is to be published whatever its state.
    for pod in backends.iter().filter(|pod| publish || pod.metadata.deletion_timestamp.is_none()) {
        let ports = ports(service, pod);
        if ports.is_empty() && !services::ports(service).is_empty() {
            continue;
        }
        let Some(address) = address(service, pod) else { continue };
        let group = groups.entry(ports).or_default();
        if publish || pods::is_ready(pod) { group.ready.push(address) } else { group.not_ready.push(address) }
    }
    groups.into_iter().map(|(ports, addresses)| subset(ports, addresses)).collect()
}

fn subset(ports: Vec<PortKey>, mut addresses: Addresses) -> EndpointSubset {
    let by_address = |a: &EndpointAddress, b: &EndpointAddress| a.ip.cmp(&b.ip);
    addresses.ready.sort_by(by_address);
    addresses.not_ready.sort_by(by_address);
    let port =
        |(name, port, protocol, app_protocol)| EndpointPort { app_protocol, name, port, protocol: Some(protocol) };
    EndpointSubset {
        addresses: (!addresses.ready.is_empty()).then_some(addresses.ready),
        not_ready_addresses: (!addresses.not_ready.is_empty()).then_some(addresses.not_ready),
        ports: (!ports.is_empty()).then(|| ports.into_iter().map(port).collect()),
    }
}

fn ports(service: &Service, pod: &Pod) -> Vec<PortKey> {
    let mut ports: Vec<PortKey> = services::ports(service)
        .iter()
        .filter_map(|port| {
            let number = services::target_port(pod, port)?;
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            Some((port.name.clone().filter(|name| !name.is_empty()), number, protocol, port.app_protocol.clone()))
        })
        .collect();
    ports.sort();
    ports
}

/// Returns the address of the service's first family.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let spec = service.spec.as_ref();
    let family = spec.and_then(|spec| spec.ip_families.as_ref()?.first().cloned());
    let v6 = match family {
        Some(family) => family == "IPv6",
        None => spec.and_then(|spec| spec.cluster_ip.as_deref()).is_some_and(|ip| ip.contains(':')),
    };
    let ip = services::addresses(pod).into_iter().find(|ip| ip.contains(':') == v6)?;
    Some(EndpointAddress {
        hostname: services::hostname(service, pod),
        ip: ip.to_owned(),
        node_name: pods::node_name(pod).map(str::to_owned),
        target_ref: Some(services::reference(pod)),
    })
}

/// Drops addresses beyond the capacity, those that are not ready first; says whether it did.
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let mut room = CAPACITY;
    let mut truncated = false;
    let mut take = |addresses: &mut Option<Vec<EndpointAddress>>| {
        if let Some(list) = addresses {
            truncated |= list.len() > room;
            list.truncate(room);
            room -= list.len();
        }
        if addresses.as_ref().is_some_and(Vec::is_empty) {
            *addresses = None;
        }
    };
    for subset in subsets.iter_mut() {
        take(&mut subset.addresses);
    }
    for subset in subsets {
        take(&mut subset.not_ready_addresses);
    }
    truncated
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.labels().clone();
    labels.remove(services::HEADLESS);
    labels.insert(MANAGED_BY.to_owned(), WRITER.to_owned());
    if services::is_headless(service) {
        labels.insert(services::HEADLESS.to_owned(), String::new());
    }
    labels
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{PodIP, ServicePort, ServiceSpec};
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::pod;

    fn service() -> Service {
        let spec = ServiceSpec {
            ports: Some(vec![ServicePort { port: 80, ..ServicePort::default() }]),
            ..ServiceSpec::default()
        };
        let metadata = ObjectMeta { name: Some("svc".to_owned()), ..ObjectMeta::default() };
        Service { metadata, spec: Some(spec), status: None }
    }

    fn backend(number: usize, ready: bool) -> Arc<Pod> {
        let mut pod = pod(&format!("p{number}"), "Running", Some("node"), 0, ready.then_some(1));
        let ip = format!("10.{}.{}.1", number / 200, number % 200);
        pod.status.as_mut().unwrap().pod_ips = Some(vec![PodIP { ip }]);
        Arc::new(pod)
    }

    proptest! {
        #[test]
        fn every_pod_is_listed_by_its_readiness_and_nothing_is_written_twice(
            pods in prop::collection::btree_map(0..1500_usize, any::<bool>(), 0..40), many: bool,
        ) {
            let mut backends: Vec<Arc<Pod>> = pods.iter().map(|(n, ready)| backend(*n, *ready)).collect();
            if many {
                backends = (0..1500).map(|n| backend(n, n % 2 == 0)).collect();
            }
            let next = plan(&service(), &backends, None).unwrap();
            prop_assert_eq!(plan(&service(), &backends, Some(&next)), None);
            let subsets = next.subsets.clone().unwrap_or_default();
            let ready = subsets.iter().flat_map(|s| s.addresses.iter().flatten()).count();
            let not_ready = subsets.iter().flat_map(|s| s.not_ready_addresses.iter().flatten()).count();
            prop_assert_eq!(ready + not_ready, backends.len().min(CAPACITY));
            prop_assert_eq!(ready, backends.iter().filter(|pod| pods::is_ready(pod)).count().min(CAPACITY));
            prop_assert_eq!(next.annotations().contains_key(OVER_CAPACITY), many);
        }
    }

    #[test]
    fn a_pod_without_the_named_port_is_left_out() {
        use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
        let mut service = service();
        let port = ServicePort { target_port: Some(IntOrString::String("http".to_owned())), ..ServicePort::default() };
        service.spec.as_mut().unwrap().ports = Some(vec![port]);
        assert_eq!(plan(&service, &[backend(1, true)], None).unwrap().subsets, None);
        service.spec.as_mut().unwrap().ports = None;
        let headless = plan(&service, &[backend(1, true)], None).unwrap().subsets.unwrap();
        assert_eq!((headless.len(), headless[0].ports.as_ref()), (1, None));
    }
}
