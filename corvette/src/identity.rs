//! Who is who in the cluster: the authority made at first start, the certificates it issues, and the kubeconfigs that
//! carry them.
//!
//! Certificates are issued again when a third of their life is left or what they are made out to has changed: at start
//! and, while the cluster runs, every hour. Who serves them follows the files ([`corvette_component::reload`]).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_component::pki::{self, Ca, Files, Request, Usage};
use corvette_component::signing::SigningKey;
use corvette_component::tasks::Tasks;

use crate::kubeconfig;
use crate::layout::Layout;

/// A year.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often a running cluster looks whether a certificate nears its end.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// What certificates and kubeconfigs are made out to.
#[derive(Debug, Clone)]
pub struct Subjects {
    /// Name of this machine's node.
    pub node: String,
    /// Its address.
    pub node_ip: IpAddr,
    /// Further names and addresses of the API server.
    pub api_names: Vec<String>,
    /// Addresses of the API server, that of the service `default/kubernetes` among them.
    pub api_ips: Vec<IpAddr>,
    /// Where clients on this machine find the API server.
    pub server: String,
}

/// Whose kubeconfig lies where.
struct Client {
    /// Name of its files, below `pki` and as `<file>.kubeconfig`.
    file: &'static str,
    user: fn(&Subjects) -> String,
    group: Option<&'static str>,
}

/// The clients of the API server, with upstream's names. One row each.
const CLIENTS: &[Client] = &[
    Client { file: "admin", user: |_| "kubernetes-admin".to_owned(), group: Some("system:masters") },
    Client { file: "controller-manager", user: |_| "system:kube-controller-manager".to_owned(), group: None },
    Client { file: "scheduler", user: |_| "system:kube-scheduler".to_owned(), group: None },
    Client { file: "proxy", user: |_| "system:kube-proxy".to_owned(), group: None },
    Client { file: "dns", user: |_| "system:kube-dns".to_owned(), group: None },
    Client { file: "kubelet", user: |subjects| node_user(&subjects.node), group: Some("system:nodes") },
];

/// Names of the kubeconfigs that a data directory has.
pub fn kubeconfigs() -> impl Iterator<Item = &'static str> {
    CLIENTS.iter().map(|client| client.file)
}

/// Name of a node as a user.
pub fn node_user(node: &str) -> String {
    format!("system:node:{node}")
}

/// Where the certificates of a data directory are.
pub struct Identity {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The authority's certificate, as PEM.
    pub ca_pem: String,
    /// Shown by the API server to its clients.
    pub api_server: Files,
    /// Shown by the API server to kubelets.
    pub kubelet_client: Files,
    /// Shown by the kubelet to the API server.
    pub kubelet_server: Files,
    /// The key that signs service account tokens.
    pub service_accounts: PathBuf,
}

impl Identity {
    /// Loads what is there and issues what is missing, near its end or made out to something else. The administrator's
    /// kubeconfig is written to `admin` too.
    pub fn load_or_create(layout: &Layout, subjects: &Subjects, admin: Option<&PathBuf>) -> Result<Self> {
        let dir = layout.pki();
        let ca = Ca::load_or_create(&dir, "kubernetes-ca").context("cluster certificate authority")?;
        let issue = |file: &str, request: Request| {
            pki::load_or_issue(&dir, file, &ca, &request).with_context(|| format!("certificate {file}"))
        };
        issue("apiserver", api_server(subjects))?;
        issue("apiserver-kubelet-client", client("kube-apiserver-kubelet-client".to_owned(), None))?;
        issue("kubelet-server", kubelet_server(subjects))?;
        SigningKey::load_or_create(&dir, "sa").context("key of service account tokens")?;
        for Client { file, user, group } in CLIENTS {
            let user = user(subjects);
            let bundle = issue(file, client(user.clone(), *group))?;
            let also = admin.filter(|_| *file == "admin").cloned();
            for path in [layout.kubeconfig(file)].into_iter().chain(also) {
                kubeconfig::write(&path, &subjects.server, ca.cert_pem(), &user, &bundle)?;
            }
        }
        Ok(Self {
            ca: Files::new(&dir, "kubernetes-ca").cert,
            ca_pem: ca.cert_pem().to_owned(),
            api_server: Files::new(&dir, "apiserver"),
            kubelet_client: Files::new(&dir, "apiserver-kubelet-client"),
            kubelet_server: Files::new(&dir, "kubelet-server"),
            service_accounts: dir.join("sa.key"),
        })
    }

    /// Renews what nears its end for as long as the cluster runs.
    pub fn keep(layout: Layout, subjects: Subjects, admin: Option<PathBuf>, tasks: &Tasks) {
        tasks.spawn_until_cancelled("renew certificates", async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                if let Err(error) = Self::load_or_create(&layout, &subjects, admin.as_ref()) {
                    tracing::error!(error = format!("{error:#}"), "certificates cannot be renewed");
                }
            }
        });
    }
}

fn client(user: String, group: Option<&str>) -> Request {
    Request {
        common_name: user,
        organizations: group.map(str::to_owned).into_iter().collect(),
        dns_names: Vec::new(),
        ips: Vec::new(),
        usage: Usage::Client,
        lifetime: LIFETIME,
    }
}

fn api_server(subjects: &Subjects) -> Request {
    let services =
        ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
    let mut dns_names: Vec<String> =
        services.into_iter().chain(["localhost", &subjects.node]).map(str::to_owned).collect();
    dns_names.extend(subjects.api_names.iter().cloned());
    dns_names.sort_unstable();
    dns_names.dedup();
    let mut ips = subjects.api_ips.clone();
    ips.sort_unstable();
    ips.dedup();
    Request { dns_names, ips, usage: Usage::Server, ..client("kube-apiserver".to_owned(), None) }
}

fn kubelet_server(subjects: &Subjects) -> Request {
    Request {
        dns_names: vec![subjects.node.clone()],
        ips: vec![subjects.node_ip],
        usage: Usage::Server,
        ..client(node_user(&subjects.node), Some("system:nodes"))
    }
}
