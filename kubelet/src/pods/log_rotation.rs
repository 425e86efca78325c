//! Keeps the logs of running containers from growing without end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corvette_proto::cri::{Container, ContainerFilter, ContainerState, ContainerStateValue};

use super::dispatch::Pods;
use super::labels;
use crate::logs::rotate::{self, Policy};

/// How often sizes are looked at (`containerLogMonitorInterval`).
const PERIOD: Duration = Duration::from_secs(10);

impl Pods {
    /// Rotates logs until dropped.
    pub async fn rotate_logs(&self, policy: Policy) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let state = Some(ContainerStateValue { state: ContainerState::ContainerRunning.into() });
            let running = ContainerFilter { state, ..ContainerFilter::default() };
            match self.deps().runtime.list_containers(running).await {
                Ok(containers) => {
                    for container in &containers {
                        self.rotate_log(container, policy).await;
                    }
                }
                Err(error) => tracing::debug!(%error, "logs not looked at, will retry"),
            }
        }
    }

    async fn rotate_log(&self, container: &Container, policy: Policy) {
        let Some(path) = log_path(&self.deps().host.log_dir, container) else { return };
        let (log, now) = (path.clone(), self.deps().clock.now());
        let moved = match tokio::task::spawn_blocking(move || rotate::rotate(&log, policy, now)).await {
            Ok(Ok(Some(moved))) => moved,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "log not rotated, will retry");
                return;
            }
        };
        let Err(error) = self.deps().runtime.reopen_container_log(&container.id).await else { return };
        tracing::warn!(path = %path.display(), %error, "log not opened anew; it keeps its name");
        // The runtime goes on writing to the file that it has open, so that must be the one at the path.
        if let Err(error) = tokio::fs::rename(&moved, &path).await {
            tracing::warn!(path = %path.display(), %error, "log could not get its name back");
        }
    }
}

/// Where the runtime writes a container's log.
fn log_path(log_dir: &Path, container: &Container) -> Option<PathBuf> {
    let label = |name: &str| container.labels.get(name).map(String::as_str);
    let pod = [labels::POD_NAMESPACE, labels::POD_NAME, labels::POD_UID].map(label);
    let [Some(namespace), Some(name), Some(uid)] = pod else { return None };
    let count = container.annotations.get(labels::RESTART_COUNT)?.parse().ok()?;
    let dir = labels::log_directory(log_dir, namespace, name, uid);
    Some(dir.join(labels::log_file(label(labels::CONTAINER_NAME)?, count)))
}
