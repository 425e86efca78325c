//! `corvette up`: a whole cluster in this process.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Parser};
use corvette_component::tasks::Tasks;

use super::DataDir;
use super::flags::EtcdFlags;
use crate::cluster::Cluster;
use crate::layout::Layout;
use crate::progress::{self, Progress};
use crate::{machine, process};

/// Flags of `corvette up`; names and meaning are upstream's where upstream has them.
#[derive(Args, Clone)]
pub struct Flags {
    #[command(flatten)]
    pub data: DataDir,
    /// Port of the API server.
    #[arg(long, default_value_t = 6443, value_name = "PORT")]
    pub secure_port: u16,
    /// Address the API server listens on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), value_name = "ADDR")]
    pub bind_address: IpAddr,
    /// File to write the administrator's kubeconfig to.
    #[arg(long, value_name = "FILE")]
    pub write_kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    pub etcd: EtcdFlags,
    /// Name of this node; the machine's host name by default.
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Address of this node; that of the default route by default.
    #[arg(long, value_name = "ADDR")]
    pub node_ip: Option<IpAddr>,
    /// Image archives to load at start.
    #[arg(long = "image", value_name = "FILE")]
    pub images: Vec<PathBuf>,
    /// Socket of a CRI v1 runtime to use instead of starting containerd.
    #[arg(long, value_name = "SOCKET")]
    pub container_runtime_endpoint: Option<String>,
}

#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    flags: Flags,
}

impl Flags {
    /// The flags' defaults.
    pub fn defaults() -> Self {
        Alone::parse_from(["up"]).flags
    }
}

/// Starts everything, says `ready`, and runs until a signal or a failure.
pub async fn run(flags: Flags) -> Result<()> {
    machine::require_root("up")?;
    let layout = Layout::new(&flags.data.data_dir).context("data directory")?;
    process::run("corvette", async |tasks: &Tasks| {
        let cluster = Cluster::start(&flags, &layout, tasks, &mut Progress::new()).await?;
        progress::say(&format!("kubeconfig {}", cluster.kubeconfig.display()));
        Ok(cluster)
    })
    .await
}
