//! This machine as a node: the kubelet, and what it leaves behind.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use corvette_client::kube::Client;
use corvette_component::backoff::Backoff;
use corvette_component::tasks::Tasks;
use corvette_kubelet::{Config, cgroups};
use tokio::sync::watch;

use crate::layout::Layout;

/// How long a node may take to become ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long processes of pods may take to end once they are killed.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// A kubelet that runs.
pub struct Started {
    node: String,
    ready: watch::Receiver<bool>,
}

/// Starts the kubelet; what keeps it from running ends the process.
pub fn start(client: Client, config: Config, tasks: &Tasks) -> Started {
    let (tell, ready) = watch::channel(false);
    let started = Started { node: config.node_name.clone(), ready };
    let (scope, whole) = (tasks.child("kubelet"), tasks.clone());
    tasks.spawn("kubelet", async move {
        if let Err(error) = corvette_kubelet::run(client, config, scope, tell).await {
            whole.fail(format!("kubelet: {error}"));
        }
    });
    started
}

/// The socket of a runtime endpoint, with or without its scheme.
pub fn socket(endpoint: &str) -> PathBuf {
    PathBuf::from(endpoint.strip_prefix("unix://").unwrap_or(endpoint))
}

impl Started {
    /// Waits until this kubelet has reported its node ready. What an earlier one reported says nothing about it.
    pub async fn until_ready(mut self) -> Result<()> {
        let name = self.node;
        match tokio::time::timeout(READY_DEADLINE, self.ready.wait_for(|ready| *ready)).await {
            Ok(told) => told.map(drop).with_context(|| format!("node {name}: the kubelet has ended")),
            Err(_) => bail!(
                "node {name} did not become ready within {READY_DEADLINE:?}; run again with CORVETTE_LOG=info to see why"
            ),
        }
    }
}

/// Removes what pods left in the kubelet's directory and their control groups with the processes in them. Mounts are
/// gone by now.
pub async fn clean(layout: &Layout) -> Result<()> {
    for dir in [layout.kubelet().join("pods"), layout.pod_logs()] {
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", dir.display()));
            }
            _ => {}
        }
    }
    let root = cgroups::root(&layout.kubelet());
    let emptied = async {
        let mut pause = Backoff::new(Duration::from_millis(5), Duration::from_millis(200));
        while cgroups::kill(&root)? > 0 {
            tokio::time::sleep(pause.next()).await;
        }
        std::io::Result::Ok(())
    };
    match tokio::time::timeout(KILLED_WITHIN, emptied).await {
        Ok(outcome) => outcome.with_context(|| format!("cannot end the processes in control group {root}"))?,
        Err(_) => bail!("processes in control group {root} do not end"),
    }
    cgroups::remove(&root).with_context(|| format!("cannot remove the control group {root}"))
}
