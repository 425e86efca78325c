//! What can be set.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use corvette_component::network::Network;

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
            clients: vec![
                Network { address: Ipv4Addr::new(127, 0, 0, 0).into(), prefix: 8 },
                Network::of(Ipv6Addr::LOCALHOST.into()),
            ],
            upstreams: Vec::new(),
            upstream_timeout: Duration::from_secs(2),
            tcp_idle: Duration::from_secs(10),
        }
    }
}
