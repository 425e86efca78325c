//! The flags every command shares, and the connection they lead to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_client::kube::Client;
use corvette_client::kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

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
    /// The length of time to wait before giving up on a single server request, as 30s or 2m; 0 waits as long as it takes.
    /// Watches, logs and commands in containers take as long as they take.
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub request_timeout: Duration,
}

/// A connection and what is known about its other end.
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
        let options =
            KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let mut config = match self.files().read()? {
            Some(kubeconfig) if !kubeconfig.clusters.is_empty() => {
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| self.in_kubectls_words(e))?
            }
            _ if self.context.is_some() => bail!(self.no_context()),
            _ => match Config::incluster() {
                Ok(config) => config,
                Err(_) => Config::new(DEFAULT_SERVER.parse()?),
            },
        };
        if let Some(server) = &self.server {
            let url = if server.contains("://") { server.clone() } else { format!("http://{server}") };
            config.cluster_url = url.parse().with_context(|| format!("invalid server address \"{server}\""))?;
        }
        Ok(config)
    }

    fn no_context(&self) -> String {
        let name = self.context.as_deref().unwrap_or_default();
        format!("Error in configuration: context was not found for specified context: {name}")
    }

    fn in_kubectls_words(&self, error: KubeconfigError) -> anyhow::Error {
        match (&error, &self.context) {
            (KubeconfigError::LoadContext(_), Some(_)) => anyhow::anyhow!(self.no_context()),
            _ => anyhow::Error::new(error).context("invalid configuration"),
        }
    }
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
