//! Clients: on a service of this process, or over the network from a kubeconfig.

use std::path::{Path, PathBuf};

use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use tower::{BoxError, Service, ServiceExt as _};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be read or does not hold what was asked for.
    #[error("kubeconfig {}: {source}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// The address of the API server is none.
    #[error("invalid address of the API server: {0:?}")]
    Server(String),
    /// The configuration does not make a client.
    #[error("client: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// Makes a client that calls `service`, the API server of this process, without socket and TLS.
///
/// Must be called inside a tokio runtime. `user_agent` becomes the `User-Agent` of every request.
pub fn in_process<S, B>(service: S, user_agent: &str) -> Client
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let agent = HeaderValue::from_str(user_agent).unwrap_or(HeaderValue::from_static("corvette"));
    let service = service.map_request(move |mut request: Request<Body>| {
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| agent.clone());
        request
    });
    Client::new(service, "default")
}

/// Makes a client from the current context of the kubeconfig at `path`, of the API server at `server` (else the context's).
///
/// # Errors
/// When the file is missing or damaged, lacks the context, or its certificates do not parse.
pub async fn from_kubeconfig(path: &Path, server: Option<&str>) -> Result<Client, Error> {
    let failed = |source| Error::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let file = Kubeconfig::read_from(path).map_err(failed)?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(failed)?;
    if let Some(server) = server {
        config.cluster_url = server.parse().map_err(|_| Error::Server(server.to_owned()))?;
    }
    corvette_component::tls::install_default_provider();
    Client::try_from(config).map_err(|source| Error::Client(Box::new(source)))
}
