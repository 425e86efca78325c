//! The flags every command shares, and the connection they lead to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_client::kube::Client;
use corvette_client::kube::config::{
    AuthInfo, Cluster, Config, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use http::{HeaderName, HeaderValue};

use crate::kubeconfig;
use crate::request::Requests;
use crate::resources::Resources;

/// Where the server is when nothing says so.
const DEFAULT_SERVER: &str = "http://localhost:8080";

/// Flags before or after any command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Path to the kubeconfig file to use for CLI requests.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The name of the kubeconfig cluster to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The name of the kubeconfig user to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// The address and port of the Kubernetes API server.
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// If present, the namespace scope for this CLI request.
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Bearer token for authentication to the API server.
    #[arg(long, global = true)]
    pub token: Option<String>,
    /// Username to impersonate for the operation.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub impersonate: Option<String>,
    /// Group to impersonate for the operation, this flag can be repeated to specify multiple groups.
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
    /// Path to a cert file for the certificate authority.
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Path to a client certificate file for TLS.
    #[arg(long, global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// Path to a client key file for TLS.
    #[arg(long, global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Server name to use for server certificate validation.
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure.
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    /// The length of time to wait before giving up on a single server request, as 30s or 2m; 0 waits as long as it takes.
    /// Watches, logs and commands in containers take as long as they take.
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = request_timeout)]
    pub request_timeout: Duration,
}

/// A connection and what is known about its other end.
#[derive(Clone)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// Sends requests whose bodies are plain JSON.
    pub requests: Requests,
    /// The namespace of namespaced requests.
    pub namespace: String,
    /// Whether the namespace was asked for, rather than taken from the kubeconfig.
    pub namespace_given: bool,
}

impl Session {
    /// Connects as the flags say.
    ///
    /// # Errors
    /// For a kubeconfig that does not hold what the flags name. That the server answers shows with the first request.
    pub async fn open(global: &Global) -> Result<Self> {
        let mut config = global.config().await?;
        // Each request has a deadline of its own; what may take long has none.
        config.read_timeout = None;
        let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
        let namespace = global.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        corvette_component::tls::install_default_provider();
        let client = Client::try_from(config)?;
        let deadline = Some(global.request_timeout).filter(|time| !time.is_zero());
        let requests = Requests::new(client.clone(), host, deadline);
        Ok(Self { client, requests, namespace, namespace_given: global.namespace.is_some() })
    }

    /// What the server serves.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn resources(&self) -> Result<Resources> {
        Resources::discover(&self.requests).await
    }
}

impl Global {
    /// The kubeconfig the flags lead to, without connecting; an empty one when there is none.
    ///
    /// # Errors
    /// For a file that cannot be read.
    pub fn read_kubeconfig(&self) -> Result<Kubeconfig> {
        Ok(self.files().read()?.unwrap_or_default())
    }

    /// The kubeconfig's files.
    pub fn files(&self) -> kubeconfig::Files {
        kubeconfig::Files::find(self.kubeconfig.as_deref())
    }

    async fn config(&self) -> Result<Config> {
        let kubeconfig = self.files().read()?;
        if kubeconfig.as_ref().is_none_or(|read| read.clusters.is_empty())
            && self.server.is_none()
            && self.context.is_none()
            && let Ok(config) = Config::incluster()
        {
            return Ok(config);
        }
        let minified = self.minify(kubeconfig.unwrap_or_default())?;
        let user = minified.auth_infos.iter().find_map(|named| named.auth_info.clone()).unwrap_or_default();
        let config = Config::from_custom_kubeconfig(minified, &KubeConfigOptions::default()).await;
        let mut config = config.context("invalid configuration")?;
        if let Some(name) = user.impersonate {
            let groups = user.impersonate_groups.into_iter().flatten();
            for (header, value) in
                std::iter::once(("impersonate-user", name)).chain(groups.map(|group| ("impersonate-group", group)))
            {
                config.headers.push((HeaderName::from_static(header), HeaderValue::from_str(&value)?));
            }
        }
        Ok(config)
    }

    /// The kubeconfig with nothing but the one context, cluster and user that the flags and it lead to, changed as the flags say.
    ///
    /// # Errors
    /// For names that are not in it.
    pub fn minify(&self, mut config: Kubeconfig) -> Result<Kubeconfig> {
        let current = self.context.clone().or(config.current_context.take()).unwrap_or_default();
        let context = config.contexts.drain(..).find(|known| known.name == current).and_then(|named| named.context);
        let mut context = match context {
            Some(context) => context,
            None if self.context.is_some() => {
                bail!("Error in configuration: context was not found for specified context: {current}")
            }
            None => Context::default(),
        };
        if let Some(name) = &self.cluster {
            context.cluster.clone_from(name);
        }
        if let Some(name) = &self.user {
            context.user = Some(name.clone());
        }
        let cluster = config.clusters.drain(..).find(|known| known.name == context.cluster);
        if let (None, Some(name)) = (&cluster, &self.cluster) {
            bail!("no server found for cluster \"{name}\"");
        }
        let user = config.auth_infos.drain(..).find(|known| Some(&known.name) == context.user.as_ref());
        if let (None, Some(name)) = (&user, &self.user) {
            bail!("auth info \"{name}\" does not exist");
        }
        let mut cluster = cluster.and_then(|named| named.cluster).unwrap_or_default();
        let mut user = user.and_then(|named| named.auth_info).unwrap_or_default();
        self.override_cluster(&mut cluster);
        self.override_user(&mut user);
        let name = context.user.get_or_insert_default().clone();
        config.clusters =
            vec![NamedCluster { name: context.cluster.clone(), cluster: Some(cluster), ..NamedCluster::default() }];
        config.auth_infos = vec![NamedAuthInfo { name, auth_info: Some(user), ..NamedAuthInfo::default() }];
        config.contexts =
            vec![NamedContext { name: current.clone(), context: Some(context), ..NamedContext::default() }];
        config.current_context = Some(current);
        Ok(config)
    }

    fn override_cluster(&self, cluster: &mut Cluster) {
        if let Some(server) = &self.server {
            let url = if server.contains("://") { server.clone() } else { format!("http://{server}") };
            cluster.server = Some(url);
        }
        cluster.server.get_or_insert_with(|| DEFAULT_SERVER.to_owned());
        if let Some(file) = &self.certificate_authority {
            cluster.certificate_authority = Some(file.display().to_string());
            cluster.certificate_authority_data = None;
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
            (cluster.certificate_authority, cluster.certificate_authority_data) = (None, None);
        }
        if self.tls_server_name.is_some() {
            cluster.tls_server_name.clone_from(&self.tls_server_name);
        }
    }

    fn override_user(&self, user: &mut AuthInfo) {
        if let Some(token) = &self.token {
            user.token = Some(token.clone().into());
        }
        if self.impersonate.is_some() {
            user.impersonate.clone_from(&self.impersonate);
            user.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        if let Some(file) = &self.client_certificate {
            user.client_certificate = Some(file.display().to_string());
            user.client_certificate_data = None;
        }
        if let Some(file) = &self.client_key {
            user.client_key = Some(file.display().to_string());
            user.client_key_data = None;
        }
    }
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|_| {
        "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)".to_owned()
    })
}

/// `30`, `30s`, `1m30s`, `250ms`.
///
/// # Errors
/// For anything else, and for negative times.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    parsed.and_then(|d| Duration::try_from(d).ok()).ok_or_else(|| format!("invalid duration \"{text}\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn durations_are_gos() {
        for (text, millis) in
            [("30", 30_000), ("30s", 30_000), ("1m30s", 90_000), ("250ms", 250), ("2h", 7_200_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "-5", "-5s", "x", "5y3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
