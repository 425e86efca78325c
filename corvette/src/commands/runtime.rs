//! `corvette runtime`: the container runtime of a data directory alone, for a kubelet that runs alone.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use corvette_component::tasks::Tasks;
use corvette_runtime::{containerd, image};

use super::DataDir;
use crate::instance::Instance;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{cluster, machine, process};

/// Flags of `corvette runtime`.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    data: DataDir,
    /// Range of the addresses of this machine's pods.
    #[arg(long, default_value = cluster::POD_CIDR, value_name = "CIDR")]
    pod_cidr: String,
    /// Image archives to load at start.
    #[arg(long = "image", value_name = "FILE")]
    images: Vec<PathBuf>,
}

/// Runs it until a signal or a failure; containers go on, and the next start adopts them.
pub async fn run(flags: Flags) -> Result<()> {
    machine::require_root("runtime")?;
    let layout = Layout::new(&flags.data.data_dir).context("data directory")?;
    process::run("runtime", async |tasks: &Tasks| {
        let config = containerd::Config::new(layout.root(), &flags.pod_cidr)?;
        let instance = Instance::of(&layout)?;
        let mut progress = Progress::new();
        let handle = containerd::start(config, tasks).await?;
        progress.done("runtime", &format!("{} at {}", cluster::described(&handle), handle.socket.display()));
        for file in &flags.images {
            progress.done("image", &image::load(&handle.socket, file).await?.join(", "));
        }
        Ok(instance)
    })
    .await
}
