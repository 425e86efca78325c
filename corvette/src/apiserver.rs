//! The API server as a process runs it: store, certificates, socket. `corvette up` and `corvette apiserver` start it here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use corvette_apiserver::ApiServer;
use corvette_apiserver::tokens::Issuer;
use corvette_component::pki::{self, Files};
use corvette_component::reload;
use corvette_component::signing::SigningKey;
use corvette_component::tasks::Tasks;
use corvette_store::Store;
use corvette_store::etcd::{self, Etcd};
use corvette_store::sqlite::{self, Sqlite};
use tokio::net::TcpListener;

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum Storage {
    /// SQLite, in this file.
    Embedded(PathBuf),
    /// An etcd cluster.
    Etcd(etcd::Options),
}

/// The certificates an API server uses.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// What it shows its clients.
    pub serving: Files,
    /// The authority of client certificates; without one, clients have none.
    pub client_ca: Option<PathBuf>,
    /// What it shows kubelets, and the authority of theirs.
    pub kubelet: Option<(Files, PathBuf)>,
    /// The issuer of service account tokens and the key that signs them.
    pub service_accounts: Option<(String, PathBuf)>,
}

impl Storage {
    /// Opens it; an embedded one is made when it is missing.
    pub async fn open(&self, tasks: &Tasks) -> Result<Arc<dyn Store>> {
        match self {
            Self::Etcd(options) => {
                let etcd = Etcd::connect(options.clone(), tasks).await;
                Ok(Arc::new(etcd.with_context(|| format!("{self}{}", certificates(options)))?))
            }
            Self::Embedded(path) => {
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
                }
                let store = Sqlite::open(path, sqlite::Options::default(), tasks).await;
                Ok(Arc::new(store.with_context(|| format!("store {self}"))?))
            }
        }
    }
}

impl std::fmt::Display for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded(path) => write!(f, "{}", path.display()),
            Self::Etcd(options) => write!(f, "etcd at {}", options.endpoints.join(",")),
        }
    }
}

/// Which certificates were used, because a server that refuses them seldom says so.
fn certificates(options: &etcd::Options) -> &'static str {
    match &options.tls {
        None => "",
        Some(tls) if tls.client.is_some() => " (with --etcd-cafile and --etcd-certfile)",
        Some(_) => " (with --etcd-cafile, and no --etcd-certfile for a server that asks for a certificate)",
    }
}

/// Takes the API server's port; first of all, because a second cluster on the machine fails here.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let taken =
        || format!("cannot listen on {address}; is another cluster running? Choose another --secure-port or stop it");
    TcpListener::bind(address).await.with_context(taken)
}

/// Starts the server and serves connections of `listener`.
pub async fn start(
    listener: TcpListener,
    mut config: corvette_apiserver::Config,
    certificates: &Certificates,
    tasks: &Tasks,
) -> Result<ApiServer> {
    let client_ca = certificates.client_ca.as_deref().map(pki::read_pem).transpose().context("client authority")?;
    let tls = reload::server_config(&certificates.serving, client_ca.as_deref(), tasks).context("API server")?;
    if let Some((files, ca)) = &certificates.kubelet {
        let ca = pki::read_pem(ca).context("authority of kubelets")?;
        config.kubelet_tls = Some(reload::client_config(&ca, files, tasks).context("client of kubelets")?);
    }
    if let Some((issuer, key)) = &certificates.service_accounts {
        let key = SigningKey::load(key).context("key of service account tokens")?;
        config.issuer = Some(Arc::new(Issuer::new(issuer, &key)));
    }
    let api = ApiServer::new(config, tasks).await.context("API server")?;
    let serving = api.clone();
    tasks.spawn("serve", async move { serving.serve(listener, tls).await });
    Ok(api)
}
