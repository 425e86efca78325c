//! This machine as a node: the kubelet, and what it leaves behind.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use corvette_client::k8s_openapi::api::core::v1::Node;
use corvette_client::kube::runtime::wait::await_condition;
use corvette_client::kube::{Api, Client};
use corvette_component::backoff::Backoff;
use corvette_component::tasks::Tasks;
use corvette_kubelet::{Config, cgroups};

use crate::layout::Layout;

/// How long a node may take to become ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// How long processes of pods may take to end once they are killed.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Starts the kubelet; what keeps it from running ends the process.
pub fn start(client: Client, config: Config, tasks: &Tasks) {
    let (scope, whole) = (tasks.child("kubelet"), tasks.clone());
    tasks.spawn("kubelet", async move {
        if let Err(error) = corvette_kubelet::run(client, config, scope).await {
            whole.fail(format!("kubelet: {error}"));
        }
    });
}

/// The socket of a runtime endpoint, with or without its scheme.
pub fn socket(endpoint: &str) -> PathBuf {
    PathBuf::from(endpoint.strip_prefix("unix://").unwrap_or(endpoint))
}

/// Waits until the node reports that it is ready.
pub async fn until_ready(client: &Client, name: &str) -> Result<()> {
    let api: Api<Node> = Api::all(client.clone());
    let ready = await_condition(api, name, |node: Option<&Node>| {
        let conditions = node.and_then(|n| n.status.as_ref()).and_then(|s| s.conditions.as_ref());
        conditions.is_some_and(|list| list.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    });
    match tokio::time::timeout(READY_DEADLINE, ready).await {
        Ok(found) => found.map(|_| ()).with_context(|| format!("node {name}")),
        Err(_) => bail!(
            "node {name} did not become ready within {READY_DEADLINE:?}; run again with CORVETTE_LOG=info to see why"
        ),
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
