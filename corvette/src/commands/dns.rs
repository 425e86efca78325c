//! `corvette dns`: cluster DNS alone.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use corvette_component::health::Checks;
use corvette_component::network::Network;
use corvette_component::tasks::Tasks;

use super::flags::ComponentFlags;
use crate::{cluster, dns, machine, process, secure_port};

/// Flags of `corvette dns`.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    component: ComponentFlags,
    /// Port to serve health and metrics on; 0 serves none.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    secure_port: u16,
    /// Address to answer questions at; that of the default route by default.
    #[arg(long, value_name = "ADDR")]
    dns_address: Option<IpAddr>,
    /// Port to answer questions at.
    #[arg(long, default_value_t = dns::PORT, value_name = "PORT")]
    dns_port: u16,
    /// Ranges whose addresses are answered, beside this machine's own: the pods'. Everybody else is refused.
    #[arg(long, value_delimiter = ',', value_name = "CIDRS")]
    cluster_cidr: Vec<Network>,
    /// Where names outside the cluster are asked for.
    #[arg(long, default_value = "/etc/resolv.conf", value_name = "FILE")]
    resolv_conf: PathBuf,
}

/// Runs it until a signal or a failure.
pub async fn run(flags: Flags) -> Result<()> {
    let address = flags.dns_address.unwrap_or_else(|| machine::node_address(cluster::CLUSTER_CIDR));
    let listen = SocketAddr::new(address, flags.dns_port);
    let own = machine::addresses().into_iter().map(Network::of);
    let clients = flags.cluster_cidr.iter().copied().chain(own).collect();
    process::run("dns", async |tasks: &Tasks| {
        let client = flags.component.client().await?;
        secure_port::serve(&flags.component.port(flags.secure_port), Checks::new(), client.clone(), tasks).await?;
        dns::start(client, listen, clients, &flags.resolv_conf, tasks).await
    })
    .await
}
