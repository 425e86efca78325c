//! `corvette kubelet`: the kubelet alone, on any CRI v1 runtime.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use corvette_component::tasks::Tasks;
use corvette_kubelet::Config;

use super::flags::ServingFlags;
use crate::{cluster, machine, node, process, secure_port};

/// Flags of `corvette kubelet`; names and defaults are upstream's kubelet's where it has them, as flags or in its file.
#[derive(Args)]
pub struct Flags {
    /// Kubeconfig to reach the API server with.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Socket of the CRI runtime.
    #[arg(long, default_value = "unix:///run/containerd/containerd.sock", value_name = "SOCKET")]
    container_runtime_endpoint: String,
    /// Name of the node; the machine's host name by default.
    #[arg(long, value_name = "NAME")]
    hostname_override: Option<String>,
    /// Address of the node; that of the default route by default.
    #[arg(long, value_name = "ADDR")]
    node_ip: Option<IpAddr>,
    /// Directory of the pods' volumes.
    #[arg(long, default_value = "/var/lib/kubelet", value_name = "DIR")]
    root_dir: PathBuf,
    /// Directory of the containers' logs (upstream: podLogsDir in its file).
    #[arg(long, default_value = "/var/log/pods", value_name = "DIR")]
    pod_logs_dir: PathBuf,
    /// Port of the HTTPS server.
    #[arg(long, default_value_t = 10250, value_name = "PORT")]
    port: u16,
    #[command(flatten)]
    serving: ServingFlags,
    /// Addresses of the cluster's DNS servers.
    #[arg(long, value_delimiter = ',', value_name = "ADDRS")]
    cluster_dns: Vec<String>,
    /// The cluster's domain.
    #[arg(long, default_value = "cluster.local", value_name = "DOMAIN")]
    cluster_domain: String,
    /// Most pods on the node.
    #[arg(long, default_value_t = 110, value_name = "COUNT")]
    max_pods: u32,
    /// Labels the node registers with.
    #[arg(long, value_delimiter = ',', value_parser = label, value_name = "KEY=VALUE")]
    node_labels: Vec<(String, String)>,
    /// Taints the node registers with.
    #[arg(long, value_delimiter = ',', value_parser = taint, value_name = "KEY=VALUE:EFFECT")]
    register_with_taints: Vec<(String, String, String)>,
    /// The node's DNS configuration.
    #[arg(long, default_value = "/etc/resolv.conf", value_name = "FILE")]
    resolv_conf: PathBuf,
}

impl Flags {
    fn config(self, tasks: &Tasks) -> Result<Config> {
        let name = self.hostname_override.unwrap_or_else(machine::hostname);
        let ip = self.node_ip.unwrap_or_else(|| machine::node_address(cluster::CLUSTER_CIDR));
        let root = std::path::absolute(&self.root_dir)?;
        let files = self.serving.files();
        let tls = secure_port::server_config(files.as_ref(), self.serving.client_ca_file.as_ref(), tasks)?;
        let mut config = Config::new(&name, ip, root, node::socket(&self.container_runtime_endpoint), tls);
        config.log_dir = std::path::absolute(&self.pod_logs_dir)?;
        config.port = self.port;
        config.cluster_dns = self.cluster_dns;
        config.cluster_domain = self.cluster_domain;
        config.max_pods = self.max_pods;
        config.labels = self.node_labels.into_iter().collect::<BTreeMap<_, _>>();
        config.taints = self.register_with_taints;
        config.resolv_conf = self.resolv_conf;
        Ok(config)
    }
}

/// Runs it until a signal or a failure; containers go on.
pub async fn run(flags: Flags) -> Result<()> {
    machine::require_root("kubelet")?;
    process::run("kubelet", async |tasks: &Tasks| {
        let client = corvette_client::from_kubeconfig(&flags.kubeconfig, None).await?;
        let config = flags.config(tasks)?;
        node::start(client, config, tasks).until_ready().await
    })
    .await
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

fn taint(text: &str) -> Result<(String, String, String), String> {
    let parts = text.rsplit_once(':').map(|(taint, effect)| (taint.split_once('=').unwrap_or((taint, "")), effect));
    match parts {
        Some(((key, value), effect @ ("NoSchedule" | "PreferNoSchedule" | "NoExecute"))) => {
            Ok((key.to_owned(), value.to_owned(), effect.to_owned()))
        }
        _ => Err(format!("invalid taint spec: {text}, must be KEY=VALUE:EFFECT or KEY:EFFECT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_are_read_with_and_without_a_value() {
        let taint_of = |key: &str, value: &str, effect: &str| Ok((key.to_owned(), value.to_owned(), effect.to_owned()));
        assert_eq!(taint("a/b=c:NoSchedule"), taint_of("a/b", "c", "NoSchedule"));
        assert_eq!(taint("a:NoExecute"), taint_of("a", "", "NoExecute"));
        assert!(taint("a=b").is_err() && taint("a=b:Never").is_err());
    }
}
