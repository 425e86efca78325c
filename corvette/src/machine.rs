//! Facts of this machine.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, bail};
use corvette_component::network::Network;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// Addresses of interfaces that are up, loopback ones last, each family in the kernel's order.
pub fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return vec![Ipv4Addr::LOCALHOST.into()] };
    let mut found: Vec<(bool, IpAddr)> = interfaces
        .filter(|i| i.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|i| Some((i.flags.contains(InterfaceFlags::IFF_LOOPBACK), address(&i.address?)?)))
        .collect();
    found.sort_by_key(|(loopback, ip)| (*loopback, ip.is_ipv6()));
    found.into_iter().map(|(_, ip)| ip).collect()
}

/// The node's own address: that of the interface packets would leave by, else the first that is not loopback. Nothing is sent:
/// connecting a datagram socket only asks the kernel for a route.
pub fn node_address(pods: Network) -> IpAddr {
    let routed = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr()))
        .map(|local| local.ip());
    match routed {
        Ok(ip) if !ip.is_loopback() && !ip.is_unspecified() => ip,
        _ => addresses()
            .into_iter()
            .find(|ip| ip.is_ipv4() && !ip.is_loopback() && !pods.contains(*ip))
            .unwrap_or(Ipv4Addr::LOCALHOST.into()),
    }
}

/// Says what to do when this process lacks the rights to run containers.
pub fn require_root(command: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!("must run as root, containers need it: sudo corvette {command}")
}

/// The machine's host name in lower case, as node names are.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn address(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
}
