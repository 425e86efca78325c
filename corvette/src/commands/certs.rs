//! `corvette certs`: what components that run alone prove themselves with.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_apiserver::services::Cidr;

use super::DataDir;
use crate::identity::{self, Identity, Subjects};
use crate::instance::Instance;
use crate::layout::Layout;
use crate::progress::say;
use crate::{cluster, machine};

/// Flags of `corvette certs`; names are kubeadm's where it has them.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    data: DataDir,
    /// Address of the API server, for the kubeconfigs; that of this machine by default.
    #[arg(long, value_name = "HOST[:PORT]")]
    control_plane_endpoint: Option<String>,
    /// Further names and addresses of API servers.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    apiserver_cert_extra_sans: Vec<String>,
    /// Range of the services' addresses.
    #[arg(long, default_value = "10.96.0.0/12", value_name = "CIDR")]
    service_cidr: Cidr,
    /// Name of this machine's node; its host name by default.
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// Address of this machine's node; that of the default route by default.
    #[arg(long, value_name = "ADDR")]
    node_ip: Option<IpAddr>,
}

/// Makes what is missing, and again what nears its end or is made out to something else.
pub fn run(flags: &Flags) -> Result<()> {
    let layout = Layout::new(&flags.data.data_dir).context("data directory")?;
    let _instance = Instance::of(&layout)?;
    let node_ip = flags.node_ip.unwrap_or_else(|| machine::node_address(cluster::CLUSTER_CIDR));
    let endpoint = flags.control_plane_endpoint.clone().unwrap_or_else(|| node_ip.to_string());
    let (host, server) = endpoint_of(&endpoint)?;
    let (mut api_names, mut api_ips) = (Vec::new(), machine::addresses());
    api_ips.extend([node_ip, flags.service_cidr.nth(0)]);
    for name in flags.apiserver_cert_extra_sans.iter().chain([&host]) {
        match name.parse() {
            Ok(ip) => api_ips.push(ip),
            Err(_) => api_names.push(name.clone()),
        }
    }
    let node = flags.node_name.clone().unwrap_or_else(machine::hostname);
    let identity = Identity::load_or_create(&layout, &Subjects { node, node_ip, api_names, api_ips, server }, None)?;
    say(&format!("certificates in {}", layout.pki().display()));
    say(&format!("authority {}", identity.ca.display()));
    for client in identity::kubeconfigs() {
        say(&format!("kubeconfig {}", layout.kubeconfig(client).display()));
    }
    Ok(())
}

/// Host and URL of an endpoint such as `10.0.0.1`, `api.example:6443` or `[fd00::1]:6443`.
fn endpoint_of(endpoint: &str) -> Result<(String, String)> {
    let (host, port) = match endpoint.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => (endpoint, "6443"),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
        bail!("--control-plane-endpoint {endpoint:?}: must be a host name or address, with :PORT unless that is 6443");
    }
    let authority = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Ok((host.to_owned(), format!("https://{authority}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_hosts_with_or_without_a_port() {
        let of = |endpoint| endpoint_of(endpoint).unwrap();
        assert_eq!(of("10.0.0.1"), ("10.0.0.1".to_owned(), "https://10.0.0.1:6443".to_owned()));
        assert_eq!(of("api.example:443"), ("api.example".to_owned(), "https://api.example:443".to_owned()));
        assert_eq!(of("[fd00::1]:7443"), ("fd00::1".to_owned(), "https://[fd00::1]:7443".to_owned()));
        assert_eq!(of("fd00::1"), ("fd00::1".to_owned(), "https://[fd00::1]:6443".to_owned()));
        for bad in ["", "https://a", "a:b", ":6443"] {
            assert!(endpoint_of(bad).is_err(), "{bad}");
        }
    }
}
