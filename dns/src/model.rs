//! What answers depend on, taken from API objects. Pure.

use std::net::IpAddr;

use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::Service as ApiService;
use k8s_openapi::api::discovery::v1::{Endpoint as ApiEndpoint, EndpointSlice};

/// The label that names a slice's service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What its name stands for.
    pub kind: Kind,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Whether endpoints that are not ready are published.
    pub publish_not_ready: bool,
}

/// What the name of a service stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Addresses of its own; none yet while they are being allocated.
    Addressed(Vec<IpAddr>),
    /// The addresses of its endpoints.
    Headless,
    /// Another name.
    External(Name),
}

/// A port of a service or of its endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name, or empty.
    pub name: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Its number.
    pub number: u16,
}

/// A part of the endpoints of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The service's name.
    pub service: String,
    /// The endpoints, one for each address.
    pub endpoints: Vec<Endpoint>,
    /// The ports that each of them has.
    pub ports: Vec<Port>,
}

/// One address behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// Its label below the service: the hostname, else the address with dashes (`CoreDNS` `kubernetes.go: endpointHostname`).
    pub name: String,
    /// Whether it takes traffic; an unknown state counts as ready.
    pub ready: bool,
}

impl Service {
    /// Takes what matters from an API object; `None` when its name stands for nothing, such as an external name that is an address.
    #[must_use]
    pub fn from_api(service: &ApiService) -> Option<Self> {
        let spec = service.spec.as_ref()?;
        let kind = if spec.type_.as_deref() == Some("ExternalName") {
            Kind::External(external(spec.external_name.as_deref()?)?)
        } else {
            let listed = spec.cluster_ips.as_deref().unwrap_or_default();
            let addresses = if listed.is_empty() { spec.cluster_ip.as_slice() } else { listed };
            match addresses {
                [first, ..] if first == "None" => Kind::Headless,
                _ => Kind::Addressed(addresses.iter().filter_map(|address| address.parse().ok()).collect()),
            }
        };
        let ports = spec.ports.iter().flatten();
        let ports = ports.filter_map(|p| port(p.name.as_deref(), p.protocol.as_deref(), Some(p.port))).collect();
        Some(Self { kind, ports, publish_not_ready: spec.publish_not_ready_addresses == Some(true) })
    }
}

impl Slice {
    /// Takes what matters from an API object; `None` when it belongs to no service. Addresses that are names are left out.
    #[must_use]
    pub fn from_api(slice: &EndpointSlice) -> Option<Self> {
        let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?.clone();
        let ports = slice.ports.iter().flatten();
        let ports = ports.filter_map(|p| port(p.name.as_deref(), p.protocol.as_deref(), p.port)).collect();
        Some(Self { service, endpoints: slice.endpoints.iter().flatten().flat_map(endpoints).collect(), ports })
    }
}

fn endpoints(endpoint: &ApiEndpoint) -> impl Iterator<Item = Endpoint> {
    let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
    let hostname = endpoint.hostname.as_deref().filter(|hostname| !hostname.is_empty());
    endpoint.addresses.iter().filter_map(move |address| {
        let address: IpAddr = address.parse().ok()?;
        let name = hostname.map_or_else(|| address.to_string().replace(['.', ':'], "-"), str::to_ascii_lowercase);
        Some(Endpoint { address, name, ready })
    })
}

fn port(name: Option<&str>, protocol: Option<&str>, number: Option<i32>) -> Option<Port> {
    let number = u16::try_from(number?).ok()?;
    let name = name.unwrap_or_default().to_ascii_lowercase();
    Some(Port { name, protocol: protocol.unwrap_or("TCP").to_ascii_lowercase(), number })
}

fn external(name: &str) -> Option<Name> {
    if name.is_empty() || name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}
