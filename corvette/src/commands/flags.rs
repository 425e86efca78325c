//! Flags that several commands have, with upstream's names and defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{ArgAction, Args};
use corvette_client::kube::Client;
use corvette_client::leader;
use corvette_component::pki::Files;
use corvette_store::etcd;

use crate::machine;
use crate::secure_port::Options;

/// How to reach etcd.
#[derive(Args, Clone)]
pub struct EtcdFlags {
    /// Etcd servers to keep the data in, comma-separated.
    #[arg(long, value_delimiter = ',', value_name = "URLS")]
    etcd_servers: Vec<String>,
    /// Certificate of the authority that signed those of the etcd servers; needed for `https`.
    #[arg(long, requires = "etcd_servers", value_name = "FILE")]
    etcd_cafile: Option<PathBuf>,
    /// Certificate to show to etcd.
    #[arg(long, requires_all = ["etcd_cafile", "etcd_keyfile"], value_name = "FILE")]
    etcd_certfile: Option<PathBuf>,
    /// Key of that certificate.
    #[arg(long, requires = "etcd_certfile", value_name = "FILE")]
    etcd_keyfile: Option<PathBuf>,
}

impl EtcdFlags {
    /// How to reach etcd, when servers are named.
    ///
    /// # Errors
    /// Files that cannot be read, and servers on `https` without an authority.
    pub fn options(&self) -> Result<Option<etcd::Options>> {
        let Some(first) = self.etcd_servers.first() else { return Ok(None) };
        let mut options = etcd::Options::new(self.etcd_servers.clone());
        match &self.etcd_cafile {
            Some(ca) => options.tls = Some(etcd::Tls { ca: read("--etcd-cafile", ca)?, client: self.client()? }),
            None if self.etcd_servers.iter().any(|url| url.starts_with("https:")) => {
                bail!("etcd at {first} needs --etcd-cafile, the certificate of the authority that signed the server's");
            }
            None => {}
        }
        Ok(Some(options))
    }

    /// What is shown to etcd: certificate and key.
    fn client(&self) -> Result<Option<(String, String)>> {
        let (Some(certificate), Some(key)) = (&self.etcd_certfile, &self.etcd_keyfile) else { return Ok(None) };
        Ok(Some((read("--etcd-certfile", certificate)?, read("--etcd-keyfile", key)?)))
    }
}

fn read(flag: &str, file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{flag}: cannot read {}", file.display()))
}

/// The certificate a component serves with.
#[derive(Args, Clone)]
pub struct ServingFlags {
    /// Certificate of the HTTPS server.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub tls_private_key_file: Option<PathBuf>,
    /// Authority of the client certificates to accept.
    #[arg(long, value_name = "FILE")]
    pub client_ca_file: Option<PathBuf>,
}

impl ServingFlags {
    /// The certificate's files, when they are named.
    pub fn files(&self) -> Option<Files> {
        Some(Files { cert: self.tls_cert_file.clone()?, key: self.tls_private_key_file.clone()? })
    }
}

/// What scheduler and controller manager have in common.
#[derive(Args, Clone)]
pub struct PlaneFlags {
    #[command(flatten)]
    pub component: ComponentFlags,
    #[command(flatten)]
    election: ElectionFlags,
}

/// What a component that serves no API has.
#[derive(Args, Clone)]
pub struct ComponentFlags {
    /// Kubeconfig to reach the API server with.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Address of the API server, instead of the kubeconfig's.
    #[arg(long, value_name = "URL")]
    master: Option<String>,
    /// Address the HTTPS server listens on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), value_name = "ADDR")]
    bind_address: IpAddr,
    #[command(flatten)]
    serving: ServingFlags,
}

/// The leader election.
#[derive(Args, Clone)]
pub struct ElectionFlags {
    /// Work only while leading; several can run then.
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    leader_elect: bool,
    /// How long followers wait after the last renewal they saw.
    #[arg(long, default_value = "15s", value_parser = duration, value_name = "DURATION")]
    leader_elect_lease_duration: Duration,
    /// How long the leader tries to renew before it gives up.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
    leader_elect_renew_deadline: Duration,
    /// How long to wait between two tries.
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "DURATION")]
    leader_elect_retry_period: Duration,
}

impl ComponentFlags {
    /// A client of the API server.
    pub async fn client(&self) -> Result<Client> {
        let path =
            self.kubeconfig.as_deref().context("--kubeconfig is missing: it says how to reach the API server")?;
        Ok(corvette_client::from_kubeconfig(path, self.master.as_deref()).await?)
    }

    /// The HTTPS port.
    pub fn port(&self, port: u16) -> Options {
        Options {
            address: SocketAddr::new(self.bind_address, port),
            serving: self.serving.files(),
            client_ca: self.serving.client_ca_file.clone(),
        }
    }
}

impl PlaneFlags {
    /// The election for `name`, unless it is turned off.
    pub fn election(&self, name: &str) -> Result<Option<leader::Config>> {
        let flags = &self.election;
        if !flags.leader_elect {
            return Ok(None);
        }
        // Unlike `corvette up`, of which a machine runs one, a machine may run several of this component.
        let identity = format!("{}_{}", machine::hostname(), uuid::Uuid::new_v4());
        let config = leader::Config {
            lease_duration: flags.leader_elect_lease_duration,
            renew_deadline: flags.leader_elect_renew_deadline,
            retry_period: flags.leader_elect_retry_period,
            ..leader::Config::new("kube-system", name, identity)
        };
        if config.lease_duration <= config.renew_deadline || config.renew_deadline <= config.retry_period {
            bail!("the lease duration must exceed the renew deadline, and that the retry period");
        }
        Ok(Some(config))
    }
}

/// Reads a duration as Go writes it: `15s`, `1m30s`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let read: Option<jiff::SignedDuration> = text.parse().ok();
    read.and_then(|read| Duration::try_from(read).ok()).ok_or_else(|| format!("time: invalid duration \"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in ["", "15", "s", "1x", "-1s"] {
            assert_eq!(duration(bad), Err(format!("time: invalid duration \"{bad}\"")), "{bad}");
        }
    }
}
