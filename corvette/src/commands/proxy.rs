//! `corvette proxy`: the service proxy alone.

use anyhow::Result;
use clap::Args;
use corvette_component::health::Checks;
use corvette_component::network::Network;
use corvette_component::tasks::Tasks;
use corvette_proxy::Config;

use super::flags::ComponentFlags;
use crate::{machine, plane, process, secure_port};

/// Flags of `corvette proxy`; names and defaults are kube-proxy's where it has them.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    component: ComponentFlags,
    /// Port to serve health and metrics on; 0 serves none.
    #[arg(long, default_value_t = 10256, value_name = "PORT")]
    secure_port: u16,
    /// Name of this machine's node; the machine's host name by default.
    #[arg(long, value_name = "NAME")]
    hostname_override: Option<String>,
    /// Ranges of the pods' addresses. Others get this node's address as their source when they use a service.
    #[arg(long, value_delimiter = ',', value_name = "CIDRS")]
    cluster_cidr: Vec<Network>,
    /// Give pods this node's address when they speak to something outside these ranges.
    #[arg(long, requires = "cluster_cidr")]
    masquerade_egress: bool,
}

/// Runs it until a signal or a failure. The rules stay.
pub async fn run(flags: Flags) -> Result<()> {
    machine::require_root("proxy")?;
    let config = Config {
        node_name: flags.hostname_override.unwrap_or_else(machine::hostname),
        cluster: flags.cluster_cidr,
        masquerade_egress: flags.masquerade_egress,
    };
    process::run("proxy", async |tasks: &Tasks| {
        let client = flags.component.client().await?;
        secure_port::serve(&flags.component.port(flags.secure_port), Checks::new(), client.clone(), tasks).await?;
        plane::proxy(client, config, tasks).await
    })
    .await
}
