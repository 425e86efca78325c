//! The flags every command shares, and the connection they lead to.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use corvette_client::kube::Client;
use corvette_client::kube::config::Kubeconfig;

use crate::request::Requests;
use crate::resources::Resources;

/// Flags before or after any command.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Path to the kubeconfig file to use for CLI requests.
    #[arg(long, global = true, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// If present, the namespace scope for this CLI request.
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
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
    pub async fn open(global: &Global) -> Result<Self> {
        let client = corvette_client::from_kubeconfig(global.kubeconfig.as_deref(), global.context.as_deref()).await?;
        let namespace = match &global.namespace {
            Some(namespace) => namespace.clone(),
            None => client.default_namespace().to_owned(),
        };
        let requests = Requests::new(client.clone());
        Ok(Self { client, requests, namespace, namespace_given: global.namespace.is_some() })
    }

    /// What the server serves.
    pub async fn resources(&self) -> Result<Resources> {
        Resources::discover(&self.requests).await.context("couldn't get current server API group list")
    }
}

impl Global {
    /// The kubeconfig the flags lead to, without connecting.
    pub fn read_kubeconfig(&self) -> Result<Kubeconfig> {
        match &self.kubeconfig {
            Some(path) => {
                Kubeconfig::read_from(path).with_context(|| format!("error loading config file \"{}\"", path.display()))
            }
            None => Kubeconfig::read().context("error loading config file"),
        }
    }
}
