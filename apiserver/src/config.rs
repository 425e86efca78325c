//! What a server needs to know.

use std::{net::IpAddr, sync::Arc, time::Duration};

use corvette_component::clock::{self, SharedClock};
use corvette_store::Store;

use crate::{
    services::{Cidr, PortRange},
    tokens::Issuer,
};

/// Configuration of an API server, validated where it is made.
#[derive(Clone)]
pub struct Config {
    /// Where objects are kept.
    pub store: Arc<dyn Store>,
    /// Cluster addresses of services; the first is that of `default/kubernetes`.
    pub service_cidr: Cidr,
    /// Node ports of services.
    pub node_ports: PortRange,
    /// Address at which the cluster reaches this server.
    pub advertise_address: IpAddr,
    /// Port at which the cluster reaches this server.
    pub secure_port: u16,
    /// How long this server stays among the endpoints of the `kubernetes` service after it was killed.
    pub endpoint_lease: Duration,
    /// How this server talks to kubelets; `None` refuses exec, logs and the like of remote kubelets.
    pub kubelet_tls: Option<Arc<rustls::ClientConfig>>,
    /// Who signs service account tokens; without one there are none, and pods get none.
    pub issuer: Option<Arc<Issuer>>,
    /// How long connections may finish after shutdown began.
    pub drain: Duration,
    /// Time of day.
    pub clock: SharedClock,
}

impl Config {
    /// Makes a configuration with upstream's ranges (services in 10.96.0.0/12, node ports 30000 to 32767) and lease of endpoints
    /// (15 s).
    ///
    /// # Panics
    /// Never: the range is a literal.
    pub fn new(store: Arc<dyn Store>, advertise_address: IpAddr, secure_port: u16) -> Self {
        Self {
            store,
            service_cidr: "10.96.0.0/12".parse().expect("a literal range is valid"),
            node_ports: 30000..=32767,
            advertise_address,
            secure_port,
            endpoint_lease: Duration::from_secs(15),
            kubelet_tls: None,
            issuer: None,
            drain: Duration::from_secs(5),
            clock: clock::system(),
        }
    }
}
