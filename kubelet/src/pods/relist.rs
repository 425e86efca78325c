//! Compares what the runtime has with what it had, and wakes the workers of pods that changed.
//!
//! A runtime that tells of changes is listed soon after each, and seldom otherwise; one that does not is listed often.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corvette_component::backoff::Backoff;
use corvette_proto::cri::{Container, ContainerFilter, ContainerState, PodSandbox, PodSandboxFilter, PodSandboxState};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::api::ObjectMeta;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dispatch::Pods;
use super::labels;
use super::worker::Desired;
use crate::cri::{Change, Runtime};
use crate::{cgroups, cri, metrics};

/// How often a runtime is listed that tells of no changes.
const BLIND: Duration = Duration::from_millis(500);
/// How often one is listed that does: for what it does not tell of.
const TOLD: Duration = Duration::from_secs(5);
/// How often it is listed after it told of a change, and for how long: the event may come before the state.
const SETTLING: Duration = Duration::from_millis(100);
const SETTLED: Duration = Duration::from_secs(1);
/// How often directories without a pod are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Delay of the first attempt to subscribe anew, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Changes that the runtime tells of. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    news: Notify,
    /// The stream has told of something and has not ended.
    live: AtomicBool,
    last: Mutex<Option<Instant>>,
}

impl Changes {
    /// Follows the runtime's changes until dropped; returns when it tells of none.
    pub async fn follow(&self, runtime: Runtime) {
        let mut retry = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match runtime.changes().await {
                Ok(mut changes) => {
                    while let Some(Ok(change)) = changes.next().await {
                        retry.reset();
                        self.note(change);
                    }
                }
                Err(cri::Error::Unimplemented(_)) => {
                    tracing::info!("the runtime tells of no changes; it is listed often instead");
                    return;
                }
                Err(error) => tracing::debug!(%error, "changes of the runtime not followed, will retry"),
            }
            self.0.live.store(false, Ordering::Release);
            self.0.news.notify_one();
            tokio::time::sleep(retry.next()).await;
        }
    }

    fn note(&self, change: Change) {
        self.0.live.store(true, Ordering::Release);
        if change == Change::Other {
            return;
        }
        *self.0.last.lock() = Some(Instant::now());
        self.0.news.notify_one();
    }

    /// Waits until the runtime should be listed again.
    async fn next(&self) {
        let fresh = self.0.last.lock().is_some_and(|last| last.elapsed() < SETTLED);
        if fresh {
            tokio::time::sleep(SETTLING).await;
            return;
        }
        let pause = if self.0.live.load(Ordering::Acquire) { TOLD } else { BLIND };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.0.news.notified() => {}
        }
    }
}

/// What the runtime has of a pod, as far as a list tells: ids and states.
type Summary = Vec<(String, i32)>;

/// Who a pod in the runtime is.
#[derive(Debug, Clone)]
struct Identity {
    namespace: String,
    name: String,
    grace: Option<i64>,
}

impl Pods {
    /// Asks the runtime again and again what changed, and wakes the workers concerned. Pods that only the runtime knows
    /// are ended, once the API has told which pods there are.
    pub async fn relist(&self, changes: Changes) {
        let mut known: HashMap<String, Summary> = HashMap::new();
        let mut swept: Option<Instant> = None;
        loop {
            match self.list().await {
                Ok(found) => known = self.compare(&known, found),
                Err(error) => tracing::warn!(%error, "runtime not listed, will retry"),
            }
            if self.synced() && swept.is_none_or(|at| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                self.sweep(&known).await;
            }
            changes.next().await;
        }
    }

    /// Wakes the workers whose pods changed between two lists.
    fn compare(
        &self,
        known: &HashMap<String, Summary>,
        found: HashMap<String, (Summary, Identity)>,
    ) -> HashMap<String, Summary> {
        let synced = self.synced();
        for (uid, (summary, identity)) in &found {
            if known.get(uid) != Some(summary) {
                self.wake(uid);
            }
            if synced {
                self.end_unknown(uid, identity);
            }
        }
        known.keys().filter(|uid| !found.contains_key(*uid)).for_each(|uid| self.wake(uid));
        found.into_iter().map(|(uid, (summary, _))| (uid, summary)).collect()
    }

    async fn list(&self) -> Result<HashMap<String, (Summary, Identity)>, cri::Error> {
        let _timer = metrics::RELIST.start_timer();
        let mut found: HashMap<String, (Summary, Identity)> = HashMap::new();
        let runtime = &self.deps().runtime;
        let mut add = |labels: &HashMap<String, String>, id: String, state: i32, grace: Option<i64>| {
            let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
            let uid = label(labels::POD_UID);
            if uid.is_empty() {
                return;
            }
            let identity =
                Identity { namespace: label(labels::POD_NAMESPACE), name: label(labels::POD_NAME), grace: None };
            let entry = found.entry(uid).or_insert_with(|| (Summary::new(), identity));
            entry.0.push((id, state));
            entry.1.grace = entry.1.grace.or(grace);
        };
        let sandboxes = runtime.list_pod_sandboxes(PodSandboxFilter::default()).await?;
        let containers = runtime.list_containers(ContainerFilter::default()).await?;
        count(&sandboxes, &containers);
        for sandbox in sandboxes {
            let state = -1 - sandbox.state;
            add(&sandbox.labels, sandbox.id, state, None);
        }
        for container in containers {
            let grace = container.annotations.get(labels::POD_GRACE).and_then(|text| text.parse().ok());
            add(&container.labels, container.id, container.state, grace);
        }
        for (summary, _) in found.values_mut() {
            summary.sort();
        }
        Ok(found)
    }

    /// Ends a pod that the runtime has and the API does not.
    fn end_unknown(&self, uid: &str, identity: &Identity) {
        if self.has_worker(uid) {
            return;
        }
        tracing::info!(
            pod = identity.name,
            namespace = identity.namespace,
            uid,
            "ending a pod that the API does not know"
        );
        let pod = Pod {
            metadata: ObjectMeta {
                name: Some(identity.name.clone()),
                namespace: Some(identity.namespace.clone()),
                uid: Some(uid.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(PodSpec { termination_grace_period_seconds: identity.grace, ..PodSpec::default() }),
            ..Pod::default()
        };
        self.upsert(Desired { pod: Arc::new(pod), gone: true });
    }

    /// Removes directories and control groups of pods that neither the API nor the runtime knows.
    async fn sweep(&self, known: &HashMap<String, Summary>) {
        for uid in self.deps().volumes.uids().await {
            if known.contains_key(&uid) || self.has_worker(&uid) {
                continue;
            }
            if let Err(error) = self.deps().volumes.remove(&uid).await {
                tracing::warn!(pod_uid = uid, %error, "left-over volumes not removed, will retry");
            }
        }
        self.sweep_cgroups(known).await;
    }

    async fn sweep_cgroups(&self, known: &HashMap<String, Summary>) {
        let root = self.deps().host.cgroup_root.clone();
        let listed = tokio::task::spawn_blocking(move || cgroups::pods(&root)).await;
        let Ok(Ok(listed)) = listed else { return };
        // Looked at after the list was made: a pod has its worker before it has a cgroup.
        for uid in listed.into_iter().filter(|uid| !known.contains_key(uid) && !self.has_worker(uid)) {
            let cgroup = cgroups::of_pod(&self.deps().host.cgroup_root, &uid);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || cgroups::remove(&cgroup)).await {
                tracing::debug!(pod_uid = uid, %error, "left-over control group not removed, will retry");
            }
        }
    }
}

fn count(sandboxes: &[PodSandbox], containers: &[Container]) {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let ready = sandboxes.iter().filter(|sandbox| sandbox.state() == PodSandboxState::SandboxReady).count();
    metrics::RUNNING_PODS.set(number(ready));
    for (state, word) in [
        (ContainerState::ContainerCreated, "created"),
        (ContainerState::ContainerRunning, "running"),
        (ContainerState::ContainerExited, "exited"),
        (ContainerState::ContainerUnknown, "unknown"),
    ] {
        let of_state = containers.iter().filter(|container| container.state() == state).count();
        metrics::RUNNING_CONTAINERS.with_label_values(&[word]).set(number(of_state));
    }
}
