//! Configuration of the kubelet.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use serde_json::{Value, json};

use crate::cgroups;
use crate::eviction::Thresholds;
use crate::logs::rotate::Policy;
use crate::node::lease;

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
    /// How long the runtime may be silent before it counts as down.
    pub runtime_grace: Duration,
    /// Port of the HTTPS server.
    pub port: u16,
    /// Certificate of the HTTPS server, and whose client certificates it accepts.
    pub tls: Arc<ServerConfig>,
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
    /// What must be left of the node.
    pub eviction: Thresholds,
    /// How much of a container's log is kept.
    pub logs: Policy,
    /// The node's DNS configuration.
    pub resolv_conf: PathBuf,
}

impl Config {
    /// The configuration as upstream's `KubeletConfiguration`, as far as it can be set.
    pub fn document(&self) -> Value {
        let Thresholds { memory, disk, inodes, pids, .. } = self.eviction;
        json!({
            "port": self.port,
            "registerNode": true,
            "maxPods": self.max_pods,
            "clusterDomain": self.cluster_domain,
            "clusterDNS": self.cluster_dns,
            "resolvConf": self.resolv_conf,
            "cgroupRoot": self.cgroup_root,
            "podLogsDir": self.log_dir,
            "containerRuntimeEndpoint": format!("unix://{}", self.runtime_endpoint.display()),
            "containerLogMaxSize": self.logs.max_bytes.to_string(),
            "containerLogMaxFiles": self.logs.max_files,
            "evictionHard": {
                "memory.available": memory.to_string(),
                "nodefs.available": format!("{disk}%"),
                "nodefs.inodesFree": format!("{inodes}%"),
                "pid.available": format!("{pids}%"),
            },
            "nodeLeaseDurationSeconds": lease::LEASE_SECONDS,
            "seccompDefault": true,
        })
    }

    /// Makes a configuration with upstream's defaults for everything that has one.
    pub fn new(
        node_name: &str,
        node_ip: IpAddr,
        root_dir: PathBuf,
        runtime_endpoint: PathBuf,
        tls: Arc<ServerConfig>,
    ) -> Self {
        Self {
            node_name: node_name.to_owned(),
            node_ip,
            log_dir: PathBuf::from("/var/log/pods"),
            runtime_endpoint,
            // Upstream's maxWaitForContainerRuntime.
            runtime_grace: Duration::from_secs(30),
            port: PORT,
            tls,
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            max_pods: MAX_PODS,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            cgroup_root: cgroups::root(&root_dir),
            eviction: Thresholds::default(),
            logs: Policy::default(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            root_dir,
        }
    }
}
