//! The commands, one file each.

mod apiserver;
mod certs;
mod controller_manager;
mod dns;
mod down;
mod flags;
mod image;
mod kubelet;
mod proxy;
mod runtime;
mod scheduler;
pub mod up;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use corvette_component::logging;

/// Kubernetes in one binary.
#[derive(Parser)]
#[command(name = "corvette", version, disable_help_subcommand = true)]
pub struct Corvette {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole cluster on this machine (the default).
    Up(Box<up::Flags>),
    /// Stop the cluster and remove its pods, mounts, namespaces, interfaces and rules; its data stay.
    Down(DataDir),
    /// Stop the cluster and remove everything, data too.
    Reset(DataDir),
    /// Work with container images on this node.
    #[command(subcommand)]
    Image(image::Command),
    /// Run an API server alone.
    Apiserver(apiserver::Flags),
    /// Run the controllers alone.
    ControllerManager(controller_manager::Flags),
    /// Run the scheduler alone.
    Scheduler(scheduler::Flags),
    /// Run the kubelet alone.
    Kubelet(kubelet::Flags),
    /// Run the service proxy alone.
    Proxy(proxy::Flags),
    /// Run cluster DNS alone.
    Dns(dns::Flags),
    /// Run the container runtime of a data directory alone.
    Runtime(runtime::Flags),
    /// Make the certificates and kubeconfigs of a cluster whose components run alone.
    Certs(certs::Flags),
}

/// Where a cluster keeps its data.
#[derive(Args, Clone)]
pub struct DataDir {
    /// Directory of everything the cluster keeps.
    #[arg(long, default_value = "/var/lib/corvette", value_name = "DIR")]
    data_dir: PathBuf,
}

/// Runs one command to its end.
pub fn run(corvette: Corvette) -> Result<()> {
    logging::init(&logging::Options {
        filter: std::env::var("CORVETTE_LOG").unwrap_or_else(|_| "error".to_owned()),
        ..logging::Options::default()
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("asynchronous runtime")?;
    runtime.block_on(async {
        match corvette.command.unwrap_or_else(|| Command::Up(Box::new(up::Flags::defaults()))) {
            Command::Up(flags) => up::run(*flags).await,
            Command::Down(dir) => down::run(&dir.data_dir, down::Keep::Data).await,
            Command::Reset(dir) => down::run(&dir.data_dir, down::Keep::Nothing).await,
            Command::Image(command) => image::run(command).await,
            Command::Apiserver(flags) => apiserver::run(flags).await,
            Command::ControllerManager(flags) => controller_manager::run(flags).await,
            Command::Scheduler(flags) => scheduler::run(flags).await,
            Command::Kubelet(flags) => kubelet::run(flags).await,
            Command::Proxy(flags) => proxy::run(flags).await,
            Command::Dns(flags) => dns::run(flags).await,
            Command::Runtime(flags) => runtime::run(flags).await,
            Command::Certs(flags) => certs::run(&flags),
        }
    })
}
