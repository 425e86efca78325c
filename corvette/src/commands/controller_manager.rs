//! `corvette controller-manager`: the controllers alone.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use corvette_component::health::Checks;
use corvette_component::pki;
use corvette_component::tasks::Tasks;
use corvette_controller_manager::{Config, controllers};

use super::flags::{PlaneFlags, duration};
use crate::{plane, process, secure_port};

/// Flags of `corvette controller-manager`; names and defaults are kube-controller-manager's where it has them.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    plane: PlaneFlags,
    /// Port to serve health and metrics on; 0 serves none.
    #[arg(long, default_value_t = 10257, value_name = "PORT")]
    secure_port: u16,
    /// Controllers to run: `*` is all, `name` that one, `-name` not that one.
    #[arg(long, default_value = "*", value_delimiter = ',', allow_hyphen_values = true, value_name = "NAMES")]
    controllers: Vec<String>,
    /// Range of the pods' addresses, of which every node gets a part.
    #[arg(long, default_value = "10.244.0.0/16", value_parser = cidr, value_name = "CIDR")]
    cluster_cidr: (Ipv4Addr, u8),
    /// Prefix length of a node's part.
    #[arg(long, default_value_t = 24, value_name = "BITS")]
    node_cidr_mask_size: u8,
    /// Certificate of the cluster's authority, which every namespace gets.
    #[arg(long, value_name = "FILE")]
    root_ca_file: Option<PathBuf>,
    /// How long a node may be silent before it counts as unhealthy.
    #[arg(long, default_value = "40s", value_parser = duration, value_name = "DURATION")]
    node_monitor_grace_period: Duration,
    /// The same for a node that has never reported.
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    node_startup_grace_period: Duration,
    /// How many finished pods are kept.
    #[arg(long, default_value_t = 12_500, value_name = "COUNT")]
    terminated_pod_gc_threshold: usize,
}

impl Flags {
    fn config(&self) -> Result<Config> {
        let root_ca = self.root_ca_file.as_deref().map(pki::read_pem).transpose();
        Ok(Config {
            election: self.plane.election("kube-controller-manager")?,
            disabled: disabled(&self.controllers),
            cluster_cidr: self.cluster_cidr,
            node_cidr_mask_size: self.node_cidr_mask_size,
            root_ca_pem: root_ca.context("--root-ca-file")?,
            node_monitor_grace_period: self.node_monitor_grace_period,
            node_startup_grace_period: self.node_startup_grace_period,
            terminated_pod_threshold: self.terminated_pod_gc_threshold,
            ..Config::default()
        })
    }
}

/// Runs it until a signal or a failure.
pub async fn run(flags: Flags) -> Result<()> {
    let config = flags.config()?;
    process::run("controller-manager", async |tasks: &Tasks| {
        let client = flags.plane.component.client().await?;
        secure_port::serve(&flags.plane.component.port(flags.secure_port), Checks::new(), client.clone(), tasks)
            .await?;
        plane::controllers(client, config, tasks);
        Ok(())
    })
    .await
}

/// The controllers that `names` leave out; names that mean nothing are kept, for the controllers to refuse.
fn disabled(names: &[String]) -> BTreeSet<String> {
    let mut off: BTreeSet<String> = names.iter().filter_map(|name| name.strip_prefix('-')).map(str::to_owned).collect();
    if !names.iter().any(|name| name == "*") {
        off.extend(controllers().into_iter().filter(|known| !names.iter().any(|n| n == known)).map(str::to_owned));
    }
    off
}

/// Reads an IPv4 range, `10.244.0.0/16`.
fn cidr(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let parts = text.split_once('/').and_then(|(base, length)| Some((base.parse().ok()?, length.parse().ok()?)));
    parts.filter(|(_, length)| *length <= 32).ok_or_else(|| format!("invalid CIDR address: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_chosen_by_name_or_left_out() {
        let names = |list: &[&str]| disabled(&list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["*"]), BTreeSet::new());
        assert_eq!(names(&["*", "-job-controller"]), ["job-controller".to_owned()].into());
        let only = names(&["job-controller"]);
        assert_eq!(only.len(), controllers().len() - 1);
        assert!(!only.contains("job-controller"));
    }
}
