//! `corvette apiserver`: an API server alone. Any number can share an etcd.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_apiserver::services::{Cidr, PortRange};
use corvette_component::pki::Files;
use corvette_component::tasks::Tasks;

use super::flags::{EtcdFlags, ServingFlags, duration};
use crate::apiserver::{self, Certificates, Storage};
use crate::{cluster, machine, process};

/// Flags of `corvette apiserver`; names and defaults are kube-apiserver's where it has them.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    etcd: EtcdFlags,
    /// How often the history in etcd is compacted; 0 never does.
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "DURATION")]
    etcd_compaction_interval: Duration,
    /// Port to serve HTTPS on.
    #[arg(long, default_value_t = 6443, value_name = "PORT")]
    secure_port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), value_name = "ADDR")]
    bind_address: IpAddr,
    /// Address the cluster reaches this server at; that of the default route by default.
    #[arg(long, value_name = "ADDR")]
    advertise_address: Option<IpAddr>,
    #[command(flatten)]
    serving: ServingFlags,
    /// Client certificate to show kubelets.
    #[arg(long, value_name = "FILE", requires_all = ["kubelet_client_key", "kubelet_certificate_authority"])]
    kubelet_client_certificate: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", requires = "kubelet_client_certificate")]
    kubelet_client_key: Option<PathBuf>,
    /// Authority of the kubelets' certificates.
    #[arg(long, value_name = "FILE", requires = "kubelet_client_certificate")]
    kubelet_certificate_authority: Option<PathBuf>,
    /// Private key that signs service account tokens (ECDSA P-256); without one there are none.
    #[arg(long, value_name = "FILE")]
    service_account_signing_key_file: Option<PathBuf>,
    /// Issuer of service account tokens.
    #[arg(long, default_value = cluster::ISSUER, value_name = "URL")]
    service_account_issuer: String,
    /// Range of the services' addresses.
    #[arg(long, default_value = "10.96.0.0/12", value_name = "CIDR")]
    service_cluster_ip_range: Cidr,
    /// Range of the services' node ports.
    #[arg(long, default_value = "30000-32767", value_parser = ports, value_name = "FIRST-LAST")]
    service_node_port_range: PortRange,
}

impl Flags {
    fn storage(&self) -> Result<Storage> {
        let Some(mut options) = self.etcd.options()? else {
            bail!("--etcd-servers is missing: an API server alone keeps its data in etcd");
        };
        options.compaction_interval = self.etcd_compaction_interval;
        Ok(Storage::Etcd(options))
    }

    fn certificates(&self) -> Result<Certificates> {
        let client = self.kubelet_client_certificate.clone().zip(self.kubelet_client_key.clone());
        let client = client.map(|(cert, key)| Files { cert, key });
        Ok(Certificates {
            serving: self.serving.files().context("--tls-cert-file and --tls-private-key-file are missing")?,
            client_ca: self.serving.client_ca_file.clone(),
            kubelet: client.zip(self.kubelet_certificate_authority.clone()),
            service_accounts: self
                .service_account_signing_key_file
                .clone()
                .map(|key| (self.service_account_issuer.clone(), key)),
        })
    }
}

/// Runs it until a signal or a failure.
pub async fn run(flags: Flags) -> Result<()> {
    let (storage, certificates) = (flags.storage()?, flags.certificates()?);
    process::run("apiserver", async |tasks: &Tasks| {
        let listener = apiserver::listen(SocketAddr::new(flags.bind_address, flags.secure_port)).await?;
        let address = flags.advertise_address.unwrap_or_else(|| machine::node_address(cluster::CLUSTER_CIDR));
        let mut config = corvette_apiserver::Config::new(storage.open(tasks).await?, address, flags.secure_port);
        config.service_cidr = flags.service_cluster_ip_range;
        config.node_ports = flags.service_node_port_range.clone();
        apiserver::start(listener, config, &certificates, tasks).await
    })
    .await
}

/// Reads a range of ports, `30000-32767`.
fn ports(text: &str) -> Result<PortRange, String> {
    let ends = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match ends {
        Some((first, last)) if first <= last => Ok(first..=last),
        _ => Err(format!("{text:?} is not a range of ports such as 30000-32767")),
    }
}
