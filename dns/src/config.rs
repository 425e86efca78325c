//! What can be set.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A network: an address and the bits of its prefix that count.
pub type Network = (IpAddr, u8);

/// Configures the DNS server. Defaults are those of kubeadm's Corefile where it has them.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address that questions come to, by UDP and TCP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The cluster's domain, without a dot at the end.
    pub domain: String,
    /// The networks whose clients are answered; everybody else is refused. By default this machine alone.
    pub clients: Vec<Network>,
    /// The servers that are asked, in this order, about names that are not the cluster's. Without any they are refused.
    pub upstreams: Vec<SocketAddr>,
    /// How long each of them has for its answer.
    pub upstream_timeout: Duration,
    /// How long a TCP client may take for its next question, and to take its answer, before the connection is closed.
    pub tcp_idle: Duration,
}

impl Config {
    /// Makes the configuration of a server at `listen` for `cluster.local` that answers this machine and asks nobody.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            domain: "cluster.local".to_owned(),
            clients: vec![(Ipv4Addr::new(127, 0, 0, 0).into(), 8), (Ipv6Addr::LOCALHOST.into(), 128)],
            upstreams: Vec::new(),
            upstream_timeout: Duration::from_secs(2),
            tcp_idle: Duration::from_secs(10),
        }
    }
}

/// Says whether `address` lies in one of `networks`. An IPv4 address mapped into IPv6 is the IPv4 address.
pub(crate) fn contains(networks: &[Network], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|(network, prefix)| match (network.to_canonical(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let unused = 32u32.saturating_sub(u32::from(*prefix));
            (u64::from(network.to_bits()) >> unused) == (u64::from(address.to_bits()) >> unused)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let unused = 128u32.saturating_sub(u32::from(*prefix));
            (network.to_bits() ^ address.to_bits()).checked_shr(unused).unwrap_or(0) == 0
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_by_prefix() {
        for (network, prefix, address, expected) in [
            ("10.244.0.0", 16, "10.244.255.1", true),
            ("10.244.0.0", 16, "10.245.0.1", false),
            ("10.244.0.7", 32, "10.244.0.7", true),
            ("10.244.0.7", 32, "10.244.0.6", false),
            ("10.244.0.7", 200, "10.244.0.6", false),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("0.0.0.0", 0, "2001:db8::1", false),
            ("10.0.0.0", 8, "::ffff:10.1.2.3", true),
            ("fd00:10::", 64, "fd00:10::9", true),
            ("fd00:10::", 64, "fd00:10:0:1::9", false),
            ("::", 0, "2001:db8::1", true),
            ("::1", 128, "::1", true),
            ("::1", 128, "::2", false),
        ] {
            let networks = [(network.parse().unwrap(), prefix)];
            assert_eq!(contains(&networks, address.parse().unwrap()), expected, "{network}/{prefix} {address}");
        }
        assert!(!contains(&[], Ipv4Addr::LOCALHOST.into()));
    }
}
