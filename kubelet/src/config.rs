//! Configuration of the kubelet.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use corvette_component::pki::Bundle;

use crate::cgroups;
use crate::logs::rotate::Policy;

/// Port of the HTTPS server.
pub const PORT: u16 = 10250;
/// Most pods on a node.
pub const MAX_PODS: u32 = 110;

/// Configuration of the kubelet, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the node.
    pub node_name: String,
    /// Address of the node, which the API server reaches the HTTPS server at and pods see as their host's.
    pub node_ip: IpAddr,
    /// Directory of volumes and other files of pods.
    pub root_dir: PathBuf,
    /// Directory of container logs; upstream's is `/var/log/pods`.
    pub log_dir: PathBuf,
    /// Socket of the CRI runtime.
    pub runtime_endpoint: PathBuf,
    /// Port of the HTTPS server.
    pub port: u16,
    /// Certificate of the HTTPS server.
    pub tls: Bundle,
    /// PEM of the CA whose client certificates the HTTPS server accepts.
    pub client_ca: String,
    /// Addresses of the cluster's DNS servers.
    pub cluster_dns: Vec<String>,
    /// Cluster domain.
    pub cluster_domain: String,
    /// Most pods on the node.
    pub max_pods: u32,
    /// Labels of the node beside the well-known ones.
    pub labels: BTreeMap<String, String>,
    /// Taints of the node when it registers, as `key`, `value`, `effect`.
    pub taints: Vec<(String, String, String)>,
    /// Cgroup below which pods get theirs.
    pub cgroup_root: String,
    /// How much of a container's log is kept.
    pub logs: Policy,
    /// The node's DNS configuration.
    pub resolv_conf: PathBuf,
}

impl Config {
    /// Makes a configuration with upstream's defaults for everything that has one.
    pub fn new(node_name: &str, node_ip: IpAddr, root_dir: PathBuf, runtime_endpoint: PathBuf, tls: Bundle) -> Self {
        Self {
            node_name: node_name.to_owned(),
            node_ip,
            log_dir: PathBuf::from("/var/log/pods"),
            runtime_endpoint,
            port: PORT,
            tls,
            client_ca: String::new(),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            max_pods: MAX_PODS,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            cgroup_root: cgroups::root(&root_dir),
            logs: Policy::default(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            root_dir,
        }
    }
}
