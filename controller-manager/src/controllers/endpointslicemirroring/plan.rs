//! The slices that mirror an Endpoints object, and the writes that lead there. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::core::v1::{self as core, EndpointAddress, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::endpointslice::{MANAGED_BY, SERVICE_NAME};
use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::services;

/// This writer of slices.
pub const WRITER: &str = "endpointslicemirroring-controller.k8s.io";
/// The label of Endpoints that are not to be mirrored.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// The annotation of Endpoints that are used for leader election.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The most addresses of a subset that are mirrored.
const PER_SUBSET: usize = 1000;

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

/// The family and ports of a slice.
type Group = (&'static str, Vec<(String, String, i32, Option<String>)>);

/// Says whether Endpoints are to be mirrored, as far as they tell themselves.
pub fn is_mirrored(endpoints: &Endpoints) -> bool {
    endpoints.labels().get(SKIP).is_none_or(|value| value != "true") && !endpoints.annotations().contains_key(LEADER)
}

/// Says whether a service has no slices of its own.
pub fn is_unmanaged(service: &Service) -> bool {
    service.spec.as_ref().is_none_or(|spec| spec.selector.as_ref().is_none_or(BTreeMap::is_empty))
}

/// Decides the writes; `slices` are those that this controller has written for the object before.
pub fn plan(endpoints: &Endpoints, slices: &[Arc<EndpointSlice>]) -> Plan {
    let mut wanted = wanted(endpoints);
    let mut plan = Plan::default();
    for slice in slices {
        let group = family(&slice.address_type).map(|family| (family, slice_ports(slice)));
        match group.and_then(|group| wanted.remove_entry(&group)) {
            Some((group, content)) => {
                let next = write(endpoints, &group, content, Some(slice));
                if next != **slice {
                    plan.update.push(next);
                }
            }
            None => plan.delete.push(slice.name_any()),
        }
    }
    plan.create = wanted.into_iter().map(|(group, content)| write(endpoints, &group, content, None)).collect();
    plan
}

/// Groups the addresses of all subsets. Without any there is one empty slice, so that readers know the object was seen.
fn wanted(endpoints: &Endpoints) -> BTreeMap<Group, Vec<Endpoint>> {
    let mut groups: BTreeMap<Group, Vec<Endpoint>> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        let mut ports: Vec<_> = subset.ports.iter().flatten().map(port_key).collect();
        ports.sort();
        for (family, endpoint) in addresses(subset).take(PER_SUBSET) {
            groups.entry((family, ports.clone())).or_default().push(endpoint);
        }
    }
    if groups.is_empty() {
        groups.insert(("IPv4", Vec::new()), Vec::new());
    }
    groups
}

fn addresses(subset: &EndpointSubset) -> impl Iterator<Item = (&'static str, Endpoint)> {
    let ready = subset.addresses.iter().flatten().map(|address| (address, true));
    let others = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
    ready.chain(others).filter_map(|(address, ready)| {
        let ip: IpAddr = address.ip.parse().ok()?;
        Some((if ip.is_ipv4() { "IPv4" } else { "IPv6" }, endpoint(address, ready)))
    })
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn port_key(port: &core::EndpointPort) -> (String, String, i32, Option<String>) {
    let text = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
    (text(&port.name, ""), text(&port.protocol, "TCP"), port.port, port.app_protocol.clone())
}

fn slice_ports(slice: &EndpointSlice) -> Vec<(String, String, i32, Option<String>)> {
    let text = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
    let key = |port: &EndpointPort| {
        (text(&port.name, ""), text(&port.protocol, "TCP"), port.port.unwrap_or_default(), port.app_protocol.clone())
    };
    let mut ports: Vec<_> = slice.ports.iter().flatten().map(key).collect();
    ports.sort();
    ports
}

fn family(name: &str) -> Option<&'static str> {
    ["IPv4", "IPv6"].into_iter().find(|family| *family == name)
}

fn write(endpoints: &Endpoints, group: &Group, content: Vec<Endpoint>, old: Option<&EndpointSlice>) -> EndpointSlice {
    let (family, ports) = group;
    let mut metadata = old.map_or_else(
        || ObjectMeta {
            generate_name: Some(format!("{}-", endpoints.name_any())),
            namespace: endpoints.namespace(),
            ..ObjectMeta::default()
        },
        |slice| slice.metadata.clone(),
    );
    let mut labels = endpoints.labels().clone();
    labels.remove(services::HEADLESS);
    labels.insert(SERVICE_NAME.to_owned(), endpoints.name_any());
    labels.insert(MANAGED_BY.to_owned(), WRITER.to_owned());
    metadata.labels = Some(labels);
    let mut annotations = endpoints.annotations().clone();
    annotations.remove(LAST_APPLIED);
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    metadata.owner_references = Some(vec![controller_ref(endpoints)]);
    let port = |(name, protocol, port, app_protocol): &(String, String, i32, Option<String>)| EndpointPort {
        name: Some(name.clone()),
        protocol: Some(protocol.clone()),
        port: Some(*port),
        app_protocol: app_protocol.clone(),
    };
    EndpointSlice {
        metadata,
        address_type: (*family).to_owned(),
        endpoints: Some(content),
        ports: Some(ports.iter().map(port).collect()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn endpoints(subsets: Value) -> Endpoints {
        let metadata = json!({"name": "e", "namespace": "n", "uid": "u", "labels": {"app": "x"},
            "annotations": {LAST_APPLIED: "{}", "note": "kept"}});
        serde_json::from_value(json!({"metadata": metadata, "subsets": subsets})).unwrap()
    }

    #[test]
    fn slices_follow_what_they_mirror_with_the_least_writes() {
        let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        let two = endpoints(json!([
            {"addresses": [{"ip": "10.0.0.1"}], "notReadyAddresses": [{"ip": "10.0.0.2", "nodeName": "a"}], "ports": ports},
            {"addresses": [{"ip": "fd00::1"}], "ports": ports},
        ]));
        let first = plan(&two, &[]);
        assert_eq!((first.create.len(), first.update.len(), first.delete.len()), (2, 0, 0));
        let v4 = &first.create[0];
        assert_eq!((v4.address_type.as_str(), v4.metadata.generate_name.as_deref()), ("IPv4", Some("e-")));
        let ready: Vec<_> =
            v4.endpoints.iter().flatten().map(|e| e.conditions.as_ref().and_then(|c| c.ready).unwrap()).collect();
        assert_eq!(ready, [true, false]);
        assert_eq!(v4.labels()["app"], "x");
        assert_eq!(v4.labels()[MANAGED_BY], WRITER);
        assert_eq!(v4.annotations().keys().collect::<Vec<_>>(), ["note"]);
        assert_eq!(v4.owner_references()[0].kind, "Endpoints");

        let written: Vec<_> = first.create.into_iter().map(Arc::new).collect();
        assert_eq!(plan(&two, &written), Plan::default());
        let one = endpoints(json!([{"addresses": [{"ip": "10.0.0.9"}], "ports": ports}]));
        let second = plan(&one, &written);
        assert_eq!((second.create.len(), second.update.len(), second.delete.len()), (0, 1, 1));
        let none = plan(&endpoints(json!(null)), &[]);
        assert_eq!(none.create[0].endpoints.as_deref(), Some(&[][..]));
    }

    #[test]
    fn some_are_left_alone() {
        let mut skipped = endpoints(json!([]));
        assert!(is_mirrored(&skipped));
        skipped.labels_mut().insert(SKIP.to_owned(), "true".to_owned());
        assert!(!is_mirrored(&skipped));
        let mut leader = endpoints(json!([]));
        leader.annotations_mut().insert(LEADER.to_owned(), "{}".to_owned());
        assert!(!is_mirrored(&leader));
    }
}
