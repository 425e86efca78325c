//! `corvette up`: a whole cluster in this process.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser};
use corvette_component::{signal, tasks::Tasks};

use super::DataDir;
use crate::cluster::{self, Cluster};
use crate::layout::Layout;
use crate::progress::{self, Progress};

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
    /// Etcd servers to keep the data in, comma-separated; without them the data are in the data directory.
    #[arg(long, value_delimiter = ',', value_name = "URLS")]
    pub etcd_servers: Vec<String>,
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
    let layout = Layout::new(&flags.data.data_dir).context("data directory")?;
    let tasks = Tasks::new("corvette");
    let mut progress = Progress::new();
    let token = tasks.token();
    let started = tokio::select! {
        started = Cluster::start(&flags, &layout, &tasks, &mut progress) => started.map(Some),
        stopped = signal::shutdown() => stopped.map(|_| None).context("signals"),
        () = token.cancelled() => Err(anyhow!("{}", tasks.failure().unwrap_or_else(|| "stopped".to_owned()))),
    };
    let outcome = match started {
        Ok(Some(cluster)) => {
            progress::say(&format!("kubeconfig {}", cluster.kubeconfig.display()));
            progress::say("ready");
            until_stopped(&tasks).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(late) = tasks.shutdown(cluster::STOP_DEADLINE).await {
        tracing::warn!(tasks = ?late, "stopped without waiting for these any longer");
    }
    outcome
}

/// Waits for a signal, or for the failure of a task, which ends the process so that it is started again.
async fn until_stopped(tasks: &Tasks) -> Result<()> {
    let token = tasks.token();
    tokio::select! {
        stopped = signal::shutdown() => {
            tracing::info!(signal = stopped.context("signals")?, "stopping");
            Ok(())
        }
        () = token.cancelled() => match tasks.failure() {
            Some(failure) => anyhow::bail!("{failure}"),
            None => Ok(()),
        },
    }
}
