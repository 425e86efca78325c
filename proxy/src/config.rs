//! What can be set.

use corvette_component::network::Network;

/// Configures the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of this machine's Node: says which endpoints are local, and in which zone it is.
    pub node_name: String,
    /// Addresses of all pods. What comes from elsewhere to a cluster address gets this node's address as its source.
    pub cluster: Vec<Network>,
    /// Give pods this node's address when they speak to something outside the cluster.
    pub masquerade_egress: bool,
}
