//! What the process is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use corvette_client::leader;

/// The configuration of all controllers. Defaults are upstream's.
#[derive(Debug, Clone)]
pub struct Config {
    /// The leader election; `None` leads at once. With a stable identity a restart leads at once too.
    pub election: Option<leader::Config>,
    /// Controllers that do not run, by the name of their row.
    pub disabled: BTreeSet<String>,
    /// Workers of single controllers, where they differ from their row's number.
    pub workers: BTreeMap<String, usize>,
    /// The range that nodes get pod ranges from, with its prefix length. 10.244.0.0/16.
    pub cluster_cidr: (Ipv4Addr, u8),
    /// The prefix length of a node's pod range. 24.
    pub node_cidr_mask_size: u8,
    /// The authority's certificate that every namespace gets as `kube-root-ca.crt`; `None` publishes none.
    pub root_ca_pem: Option<String>,
    /// How long a node may be silent before its condition is Unknown. 40 s.
    pub node_monitor_grace_period: Duration,
    /// The same for a node that has never reported. 60 s.
    pub node_startup_grace_period: Duration,
    /// How many finished pods are kept before the oldest are deleted. 12,500.
    pub terminated_pod_threshold: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            election: None,
            disabled: BTreeSet::new(),
            workers: BTreeMap::new(),
            cluster_cidr: (Ipv4Addr::new(10, 244, 0, 0), 16),
            node_cidr_mask_size: 24,
            root_ca_pem: None,
            node_monitor_grace_period: Duration::from_secs(40),
            node_startup_grace_period: Duration::from_secs(60),
            terminated_pod_threshold: 12_500,
        }
    }
}
