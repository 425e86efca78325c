//! The slices a service should have, and the least writes that lead there. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::{pods, services};

/// The label with the name of the service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label with the writer of a slice.
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// This writer.
pub const WRITER: &str = "endpointslice-controller.k8s.io";

/// The most endpoints in a slice.
const PER_SLICE: usize = 100;

/// Everything a plan depends on.
pub struct Observed<'a> {
    /// The service.
    pub service: &'a Service,
    /// The pods it selects that can have endpoints.
    pub backends: &'a [Arc<Pod>],
    /// The slices of the service that this controller wrote.
    pub slices: &'a [Arc<EndpointSlice>],
    /// The zone of each node that has one.
    pub zones: &'a BTreeMap<String, String>,
}

/// The writes to make.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// Slices to create.
    pub create: Vec<EndpointSlice>,
    /// Slices to replace.
    pub update: Vec<EndpointSlice>,
    /// Names of slices to delete.
    pub delete: Vec<String>,
}

/// The slices that hold the same ports in the same address family.
type Group = (&'static str, Vec<PortKey>);

/// A port in a form that can be compared and ordered.
type PortKey = (Option<String>, String, Option<i32>, Option<String>);

/// Decides the writes.
pub fn plan(observed: &Observed<'_>) -> Plan {
    let mut wanted = wanted(observed);
    let mut plan = Plan::default();
    let mut existing: BTreeMap<Group, Vec<&Arc<EndpointSlice>>> = BTreeMap::new();
    for slice in observed.slices {
        match family(&slice.address_type).filter(|family| families(observed.service).contains(family)) {
            Some(family) => existing.entry((family, keys(slice.ports.as_deref()))).or_default().push(slice),
            None => plan.delete.push(slice.name_any()),
        }
    }
    for (group, slices) in &existing {
        let endpoints = wanted.remove(group);
        fill(observed, group, endpoints.unwrap_or_default(), slices, &mut plan);
    }
    for (group, endpoints) in wanted {
        fill(observed, &group, endpoints, &[], &mut plan);
    }
    keep_placeholders(observed, &mut plan);
    plan
}

/// Groups the endpoints of all pods.
fn wanted(observed: &Observed<'_>) -> BTreeMap<Group, Vec<Endpoint>> {
    let mut groups: BTreeMap<Group, Vec<Endpoint>> = BTreeMap::new();
    for pod in observed.backends {
        let ports = resolve(observed.service, pod);
        for family in families(observed.service) {
            let of_family = |ip: &&&str| ip.parse().is_ok_and(|ip: IpAddr| ip.is_ipv4() == (family == "IPv4"));
            let addresses = services::addresses(pod);
            if let Some(address) = addresses.iter().find(of_family) {
                groups.entry((family, ports.clone())).or_default().push(endpoint(observed, pod, address));
            }
        }
    }
    groups
}

fn endpoint(observed: &Observed<'_>, pod: &Pod, address: &str) -> Endpoint {
    let serving = pods::is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let ready = services::publishes_not_ready(observed.service) || (serving && !terminating);
    let node = pods::node_name(pod);
    Endpoint {
        addresses: vec![address.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: services::hostname(observed.service, pod),
        node_name: node.map(str::to_owned),
        zone: node.and_then(|node| observed.zones.get(node)).cloned(),
        target_ref: Some(services::reference(pod)),
        ..Endpoint::default()
    }
}

fn resolve(service: &Service, pod: &Pod) -> Vec<PortKey> {
    let mut ports: Vec<PortKey> = services::ports(service)
        .iter()
        .filter_map(|port| {
            let number = services::target_port(pod, port)?;
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            Some((Some(port.name.clone().unwrap_or_default()), protocol, Some(number), port.app_protocol.clone()))
        })
        .collect();
    ports.sort();
    ports
}

fn keys(ports: Option<&[EndpointPort]>) -> Vec<PortKey> {
    let mut keys: Vec<PortKey> = ports
        .unwrap_or_default()
        .iter()
        .map(|port| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            (Some(port.name.clone().unwrap_or_default()), protocol, port.port, port.app_protocol.clone())
        })
        .collect();
    keys.sort();
    keys
}

/// Fits the endpoints of a group into its slices: kept where they are, then where there is room, then in new slices.
fn fill(
    observed: &Observed<'_>,
    group: &Group,
    endpoints: Vec<Endpoint>,
    slices: &[&Arc<EndpointSlice>],
    plan: &mut Plan,
) {
    let mut missing: BTreeMap<Option<String>, Endpoint> =
        endpoints.into_iter().map(|endpoint| (identity(&endpoint), endpoint)).collect();
    let mut contents: Vec<Vec<Endpoint>> = Vec::with_capacity(slices.len());
    for slice in slices {
        let kept = slice.endpoints.iter().flatten().filter_map(|endpoint| missing.remove(&identity(endpoint)));
        contents.push(kept.take(PER_SLICE).collect());
    }
    let mut missing: Vec<Endpoint> = missing.into_values().collect();
    for (slice, content) in slices.iter().zip(&mut contents) {
        // Only slices that keep something or are written anyway take more; the fullest first would save little.
        let room = PER_SLICE - content.len();
        let untouched = slice.endpoints.as_deref().unwrap_or_default() == content.as_slice();
        if !missing.is_empty() && room > 0 && (!untouched || missing.len() <= room) {
            content.extend(missing.drain(..room.min(missing.len())));
        }
    }
    for (slice, content) in slices.iter().zip(contents) {
        if content.is_empty() {
            plan.delete.push(slice.name_any());
            continue;
        }
        let next = write(observed, group, content, Some(slice));
        if changed(slice, &next) {
            plan.update.push(next);
        }
    }
    while !missing.is_empty() {
        let rest = missing.split_off(missing.len().min(PER_SLICE));
        plan.create.push(write(observed, group, missing, None));
        missing = rest;
    }
}

/// Leaves one empty slice per family when there would be none, so that readers know the service was seen.
fn keep_placeholders(observed: &Observed<'_>, plan: &mut Plan) {
    let gone: BTreeSet<String> = plan.delete.iter().cloned().collect();
    for family in families(observed.service) {
        let of_family = |slice: &EndpointSlice| slice.address_type == family;
        let mut kept = observed.slices.iter().filter(|slice| of_family(slice) && !gone.contains(&slice.name_any()));
        if kept.next().is_some() || plan.create.iter().any(of_family) {
            continue;
        }
        let empty: Group = (family, Vec::new());
        let Some(reused) = observed.slices.iter().find(|slice| of_family(slice)) else {
            plan.create.push(write(observed, &empty, Vec::new(), None));
            continue;
        };
        plan.delete.retain(|name| *name != reused.name_any());
        let next = write(observed, &empty, Vec::new(), Some(reused));
        if changed(reused, &next) {
            plan.update.push(next);
        }
    }
}

/// Says whether a slice differs in anything but the time of its last change.
fn changed(old: &EndpointSlice, new: &EndpointSlice) -> bool {
    let annotations = |slice: &EndpointSlice| {
        let mut annotations = slice.annotations().clone();
        annotations.remove(services::LAST_CHANGE);
        annotations
    };
    old.endpoints.as_deref().unwrap_or_default() != new.endpoints.as_deref().unwrap_or_default()
        || keys(old.ports.as_deref()) != keys(new.ports.as_deref())
        || old.labels() != new.labels()
        || annotations(old) != annotations(new)
}

fn write(
    observed: &Observed<'_>,
    group: &Group,
    endpoints: Vec<Endpoint>,
    old: Option<&Arc<EndpointSlice>>,
) -> EndpointSlice {
    let (service, (family, ports)) = (observed.service, group);
    let mut metadata = old.map_or_else(|| new_metadata(service), |slice| slice.metadata.clone());
    metadata.labels = Some(labels(service));
    if let Some(change) = services::last_change(service, observed.backends) {
        let time = change.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        metadata.annotations.get_or_insert_default().insert(services::LAST_CHANGE.to_owned(), time);
    }
    let port = |(name, protocol, port, app_protocol): &PortKey| EndpointPort {
        name: name.clone(),
        protocol: Some(protocol.clone()),
        port: *port,
        app_protocol: app_protocol.clone(),
    };
    EndpointSlice {
        metadata,
        address_type: (*family).to_owned(),
        endpoints: Some(endpoints),
        ports: (!ports.is_empty()).then(|| ports.iter().map(port).collect()),
    }
}

fn new_metadata(service: &Service) -> ObjectMeta {
    ObjectMeta {
        generate_name: Some(format!("{}-", service.name_any())),
        namespace: service.namespace(),
        owner_references: Some(vec![controller_ref(service)]),
        ..ObjectMeta::default()
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.labels().clone();
    labels.remove(services::HEADLESS);
    labels.insert(SERVICE_NAME.to_owned(), service.name_any());
    labels.insert(MANAGED_BY.to_owned(), WRITER.to_owned());
    if services::is_headless(service) {
        labels.insert(services::HEADLESS.to_owned(), String::new());
    }
    labels
}

/// Tells endpoints of one group apart: by pod, which has one address per family.
fn identity(endpoint: &Endpoint) -> Option<String> {
    let pod = endpoint.target_ref.as_ref().and_then(|reference| reference.uid.clone());
    pod.map(|uid| format!("{uid} {}", endpoint.addresses.join(" ")))
}

fn family(address_type: &str) -> Option<&'static str> {
    ["IPv4", "IPv6"].into_iter().find(|family| *family == address_type)
}

/// Returns the address families of a service.
fn families(service: &Service) -> Vec<&'static str> {
    let spec = service.spec.as_ref();
    let declared: Vec<_> =
        spec.and_then(|spec| spec.ip_families.as_ref()).into_iter().flatten().filter_map(|f| family(f)).collect();
    if !declared.is_empty() {
        return declared;
    }
    let v6 = spec.and_then(|spec| spec.cluster_ip.as_deref()).is_some_and(|ip| ip.contains(':'));
    vec![if v6 { "IPv6" } else { "IPv4" }]
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{PodIP, ServicePort, ServiceSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::{at, pod};

    fn service() -> Service {
        let spec = ServiceSpec {
            selector: Some([("app".to_owned(), "x".to_owned())].into()),
            cluster_ip: Some("10.96.0.5".to_owned()),
            ports: Some(vec![ServicePort { port: 80, ..ServicePort::default() }]),
            ..ServiceSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some("svc".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("svc-uid".to_owned()),
            ..ObjectMeta::default()
        };
        Service { metadata, spec: Some(spec), status: None }
    }

    fn backend(number: usize, ready: bool) -> Arc<Pod> {
        let mut pod = pod(&format!("p{number}"), "Running", Some("node"), 0, ready.then_some(1));
        let ip = format!("10.244.{}.{}", number / 250, number % 250 + 1);
        pod.status.as_mut().unwrap().pod_ips = Some(vec![PodIP { ip }]);
        Arc::new(pod)
    }

    /// Carries a plan out on a list of slices.
    fn apply(slices: &mut Vec<Arc<EndpointSlice>>, plan: Plan, made: &mut usize) {
        slices.retain(|slice| !plan.delete.contains(&slice.name_any()));
        for slice in plan.update {
            let slot = slices.iter_mut().find(|s| s.name_any() == slice.name_any()).unwrap();
            *slot = Arc::new(slice);
        }
        for mut slice in plan.create {
            *made += 1;
            slice.metadata.name = Some(format!("svc-{made}"));
            slices.push(Arc::new(slice));
        }
    }

    fn observe<'a>(service: &'a Service, backends: &'a [Arc<Pod>], slices: &'a [Arc<EndpointSlice>]) -> Plan {
        plan(&Observed { service, backends, slices, zones: &BTreeMap::new() })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn slices_hold_every_pod_once_and_settle_at_once(
            rounds in prop::collection::vec(prop::collection::btree_map(0..350_usize, any::<bool>(), 0..260), 1..5),
        ) {
            let (service, mut slices, mut made) = (service(), Vec::new(), 0);
            for round in rounds {
                let backends: Vec<Arc<Pod>> = round.iter().map(|(n, ready)| backend(*n, *ready)).collect();
                let first = observe(&service, &backends, &slices);
                apply(&mut slices, first, &mut made);
                let again = observe(&service, &backends, &slices);
                prop_assert_eq!(again, Plan::default());
                let mut seen: Vec<String> = slices.iter().flat_map(|s| s.endpoints.clone().unwrap_or_default()).map(|e| e.addresses[0].clone()).collect();
                let mut expected: Vec<String> = backends.iter().map(|p| services::addresses(p)[0].to_owned()).collect();
                seen.sort();
                expected.sort();
                prop_assert_eq!(seen, expected);
                prop_assert!(slices.iter().all(|s| s.endpoints.as_ref().is_some_and(|e| e.len() <= PER_SLICE)));
                prop_assert!(!slices.is_empty());
            }
        }
    }

    #[test]
    fn a_service_without_pods_has_one_empty_slice() {
        let (service, mut slices) = (service(), Vec::new());
        let first = observe(&service, &[], &slices);
        apply(&mut slices, first, &mut 0);
        assert_eq!(slices.len(), 1);
        assert_eq!((slices[0].endpoints.as_deref(), slices[0].ports.as_deref()), (Some(&[][..]), None));
        assert_eq!(slices[0].labels()[SERVICE_NAME], "svc");
        assert_eq!(slices[0].metadata.owner_references.as_ref().unwrap()[0].kind, "Service");
    }

    #[test]
    fn conditions_tell_ready_serving_and_terminating() {
        let mut leaving = backend(1, true).as_ref().clone();
        leaving.metadata.deletion_timestamp = Some(Time(at(9)));
        let backends = [backend(0, false), Arc::new(leaving)];
        let states = |service: &Service| {
            let plan = observe(service, &backends, &[]);
            let endpoints = plan.create[0].endpoints.clone().unwrap();
            endpoints
                .iter()
                .map(|e| e.conditions.clone().unwrap())
                .map(|c| (c.ready.unwrap(), c.serving.unwrap(), c.terminating.unwrap()))
                .collect::<Vec<_>>()
        };
        let mut service = service();
        assert_eq!(states(&service), [(false, false, false), (false, true, true)]);
        service.spec.as_mut().unwrap().publish_not_ready_addresses = Some(true);
        assert_eq!(states(&service), [(true, false, false), (true, true, true)]);
    }

    #[test]
    fn a_headless_service_is_labelled() {
        let mut service = service();
        service.spec.as_mut().unwrap().cluster_ip = Some("None".to_owned());
        assert_eq!(observe(&service, &[], &[]).create[0].labels()[services::HEADLESS], "");
    }
}
