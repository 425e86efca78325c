//! Who is who in the cluster: the authority made at first start and the certificates it issues.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_component::pki::{self, Bundle, Ca, Request, Usage};
use corvette_component::signing::SigningKey;

use crate::layout::Layout;

/// A year; certificates are renewed when a third of it is left, at the next start.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Name of the administrator.
pub const ADMIN: &str = "kubernetes-admin";

/// Everything a single-node cluster needs to prove itself.
pub struct Identity {
    /// The authority's certificate.
    pub ca_pem: String,
    /// Shown by the API server to its clients.
    pub api_server: Bundle,
    /// Shown by the API server to kubelets.
    pub kubelet_client: Bundle,
    /// Shown by the kubelet to the API server.
    pub kubelet_server: Bundle,
    /// The administrator's.
    pub admin: Bundle,
    /// Signs service account tokens.
    pub service_accounts: SigningKey,
}

impl Identity {
    /// Loads what is there and issues what is missing, near its end or made out to other addresses.
    pub fn load_or_create(
        layout: &Layout,
        node: &str,
        node_ip: IpAddr,
        api_ips: &[IpAddr],
        service_ip: IpAddr,
    ) -> Result<Self> {
        let dir = layout.pki();
        let ca = Ca::load_or_create(&dir, "kubernetes-ca").context("cluster certificate authority")?;
        let issue = |file: &str, request: Request| {
            pki::load_or_issue(&dir, file, &ca, &request).with_context(|| format!("certificate {file}"))
        };
        let client = |name: &str, group: &str| Request {
            common_name: name.to_owned(),
            organizations: vec![group.to_owned()],
            dns_names: Vec::new(),
            ips: Vec::new(),
            usage: Usage::Client,
            lifetime: LIFETIME,
        };
        let services =
            ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let names = services.into_iter().chain(["localhost", node]).map(str::to_owned).collect();
        let mut ips = vec![service_ip];
        ips.extend_from_slice(api_ips);
        ips.sort_unstable();
        ips.dedup();
        let server = |name: &str, dns_names: Vec<String>, ips: Vec<IpAddr>| Request {
            common_name: name.to_owned(),
            organizations: Vec::new(),
            dns_names,
            ips,
            usage: Usage::Server,
            lifetime: LIFETIME,
        };
        let mut kubelet = server(&format!("system:node:{node}"), vec![node.to_owned()], vec![node_ip]);
        kubelet.organizations.push("system:nodes".to_owned());
        Ok(Self {
            ca_pem: ca.cert_pem().to_owned(),
            api_server: issue("apiserver", server("kube-apiserver", names, ips))?,
            kubelet_client: issue(
                "apiserver-kubelet-client",
                client("kube-apiserver-kubelet-client", "system:masters"),
            )?,
            kubelet_server: issue("kubelet", kubelet)?,
            admin: issue("admin", client(ADMIN, "system:masters"))?,
            service_accounts: SigningKey::load_or_create(&dir, "sa").context("key of service account tokens")?,
        })
    }
}
