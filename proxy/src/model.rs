//! What is to be proxied: the ports of Services with the targets that their traffic may go to. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// Which kind of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Whether an address is of this family.
    pub fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

/// Where this proxy is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Name of the node.
    pub node: String,
    /// The node's zone, if it has one.
    pub zone: Option<String>,
}

/// Where traffic can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Address of a pod or of something else.
    pub ip: IpAddr,
    /// Port there.
    pub port: u16,
}

/// One port of a Service, in one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// `namespace/name/protocol/port`: unique, and made of what the names of chains may hold.
    pub name: String,
    /// Family of all its addresses.
    pub family: Family,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// The port at every address but the nodes'.
    pub port: u16,
    /// Address inside the cluster.
    pub cluster_ip: IpAddr,
    /// Addresses that somebody routes to the nodes (`externalIPs`).
    pub external_ips: Vec<IpAddr>,
    /// Addresses of load balancers that send traffic on as it came.
    pub balancer_ips: Vec<IpAddr>,
    /// Who may use the load balancers' addresses, as ranges; everybody when there are none.
    pub balancer_sources: Vec<String>,
    /// Port at the nodes' own addresses.
    pub node_port: Option<u16>,
    /// For how many seconds a client keeps its target.
    pub affinity: Option<i32>,
    /// Traffic from the cluster stays on its node (`internalTrafficPolicy: Local`).
    pub internal_local: bool,
    /// Traffic from outside stays on its node (`externalTrafficPolicy: Local`).
    pub external_local: bool,
    /// Targets in the whole cluster, in order.
    pub cluster: Vec<Target>,
    /// Those of them that are on this node, in order.
    pub local: Vec<Target>,
}

impl Port {
    /// Targets of traffic from the cluster.
    pub fn internal(&self) -> &[Target] {
        if self.internal_local { &self.local } else { &self.cluster }
    }

    /// Targets of traffic from outside.
    pub fn external(&self) -> &[Target] {
        if self.external_local { &self.local } else { &self.cluster }
    }

    /// Every target that any traffic of the port can go to, each once and in order.
    pub fn targets(&self) -> Vec<Target> {
        self.cluster.iter().chain(&self.local).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// All addresses but those of nodes.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.cluster_ip).chain(self.outside())
    }

    /// The addresses that clients outside the cluster use, but those of nodes.
    pub fn outside(&self) -> impl Iterator<Item = IpAddr> {
        self.external_ips.iter().chain(&self.balancer_ips).copied()
    }
}

/// The ports of a service, in order. Headless ones and those of type `ExternalName` have none.
pub fn ports(service: &Service, slices: &[Arc<EndpointSlice>], place: &Place) -> Vec<Port> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let headless = spec.cluster_ip.as_deref().is_none_or(|ip| ip.is_empty() || ip == "None");
    if headless || spec.type_.as_deref() == Some("ExternalName") {
        return Vec::new();
    }
    let cluster_ips = spec.cluster_ips.iter().flatten().filter_map(|ip| ip.parse().ok());
    let cluster_ips: Vec<IpAddr> = match cluster_ips.collect::<Vec<_>>() {
        none if none.is_empty() => spec.cluster_ip.iter().filter_map(|ip| ip.parse().ok()).collect(),
        some => some,
    };
    let of = |cluster_ip: IpAddr| {
        let own = spec.ports.iter().flatten();
        own.filter_map(move |port| one(service, spec, port, cluster_ip, slices, place))
    };
    cluster_ips.into_iter().flat_map(of).collect()
}

fn one(
    service: &Service,
    spec: &ServiceSpec,
    port: &ServicePort,
    cluster_ip: IpAddr,
    slices: &[Arc<EndpointSlice>],
    place: &Place,
) -> Option<Port> {
    let family = if cluster_ip.is_ipv4() { Family::V4 } else { Family::V6 };
    let protocol = match port.protocol.as_deref() {
        None | Some("TCP") => "tcp",
        Some("UDP") => "udp",
        Some("SCTP") => "sctp",
        Some(_) => return None,
    };
    let number = u16::try_from(port.port).ok()?;
    let metadata = &service.metadata;
    let (namespace, name) = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
    let local = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let of_family = |texts: &Option<Vec<String>>| {
        texts.iter().flatten().filter_map(|text| text.parse().ok()).filter(|ip| family.has(*ip)).collect()
    };
    let in_family = |range: &&String| range.contains(':') == (family == Family::V6);
    let found = endpoints(slices, port.name.as_deref().unwrap_or_default(), family);
    let near: Vec<&(Target, &Endpoint)> = found.iter().filter(|(_, endpoint)| is_at(endpoint, place)).collect();
    Some(Port {
        name: format!("{namespace}/{name}/{protocol}/{number}"),
        family,
        protocol,
        port: number,
        cluster_ip,
        external_ips: of_family(&spec.external_ips),
        balancer_ips: balancers(service).into_iter().filter(|ip| family.has(*ip)).collect(),
        balancer_sources: spec
            .load_balancer_source_ranges
            .iter()
            .flatten()
            .filter(in_family)
            .map(|range| range.trim().to_owned())
            .collect(),
        node_port: port.node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0),
        affinity: (spec.session_affinity.as_deref() == Some("ClientIP")).then(|| {
            let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
            config.and_then(|client| client.timeout_seconds).unwrap_or(10_800)
        }),
        internal_local: local(&spec.internal_traffic_policy),
        external_local: local(&spec.external_traffic_policy),
        cluster: usable(&hinted(&found, place)),
        local: usable(&near),
    })
}

/// Addresses of load balancers that leave the destination as it is.
fn balancers(service: &Service) -> Vec<IpAddr> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    let kept = ingress.filter(|one| one.ip_mode.as_deref() != Some("Proxy"));
    kept.filter_map(|one| one.ip.as_deref()?.parse().ok()).collect()
}

/// The endpoints that serve a port, with where that is.
fn endpoints<'a>(slices: &'a [Arc<EndpointSlice>], port: &str, family: Family) -> Vec<(Target, &'a Endpoint)> {
    let kind = if family == Family::V4 { "IPv4" } else { "IPv6" };
    let mut found = Vec::new();
    for slice in slices.iter().filter(|slice| slice.address_type == kind) {
        let named = slice.ports.iter().flatten().find(|own| own.name.as_deref().unwrap_or_default() == port);
        let Some(number) = named.and_then(|own| u16::try_from(own.port?).ok()) else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            // Upstream's slices hold one address for each endpoint, and the first is what counts.
            let address = endpoint.addresses.first().and_then(|address| address.parse().ok());
            if let Some(ip) = address {
                found.push((Target { ip, port: number }, endpoint));
            }
        }
    }
    found
}

fn is_at(endpoint: &Endpoint, place: &Place) -> bool {
    endpoint.node_name.as_deref() == Some(&place.node)
}

/// Unknown counts as ready.
fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready != Some(false))
}

/// Ends, but still answers.
fn ends(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .is_some_and(|conditions| conditions.terminating == Some(true) && conditions.serving != Some(false))
}

/// Those that are ready; when none is, those that end but still answer.
fn usable(endpoints: &[&(Target, &Endpoint)]) -> Vec<Target> {
    let chosen = |by: fn(&Endpoint) -> bool| -> BTreeSet<Target> {
        endpoints.iter().filter(|(_, endpoint)| by(endpoint)).map(|(target, _)| *target).collect()
    };
    let ready = chosen(is_ready);
    let chosen = if ready.is_empty() { chosen(ends) } else { ready };
    chosen.into_iter().collect()
}

/// The endpoints that hints keep for this place: those for the node, else those for its zone, as long as every ready one
/// has such a hint and one is for here.
fn hinted<'a, 'b>(all: &'b [(Target, &'a Endpoint)], place: &Place) -> Vec<&'b (Target, &'a Endpoint)> {
    let nodes = |endpoint: &Endpoint| -> Vec<String> {
        let hints = endpoint.hints.as_ref().and_then(|hints| hints.for_nodes.as_ref());
        hints.into_iter().flatten().map(|hint| hint.name.clone()).collect()
    };
    let zones = |endpoint: &Endpoint| -> Vec<String> {
        let hints = endpoint.hints.as_ref().and_then(|hints| hints.for_zones.as_ref());
        hints.into_iter().flatten().map(|hint| hint.name.clone()).collect()
    };
    let here = |hints: &dyn Fn(&Endpoint) -> Vec<String>, name: &str| {
        let ready: Vec<_> = all.iter().filter(|(_, endpoint)| is_ready(endpoint)).collect();
        if ready.iter().any(|(_, endpoint)| hints(endpoint).is_empty()) {
            return Vec::new();
        }
        ready.into_iter().filter(|(_, endpoint)| hints(endpoint).iter().any(|hint| hint == name)).collect()
    };
    let by_node = here(&nodes, &place.node);
    let chosen = if by_node.is_empty() {
        place.zone.as_deref().map(|zone| here(&zones, zone)).unwrap_or_default()
    } else {
        by_node
    };
    if chosen.is_empty() { all.iter().collect() } else { chosen }
}

#[cfg(test)]
pub(crate) mod tests;
