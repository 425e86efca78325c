//! All pods of the node: one worker each, woken by the API, by the runtime, by probes and by referenced objects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corvette_proto::cri::{Container, ContainerFilter, ContainerState, PodSandbox, PodSandboxFilter, PodSandboxState};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::api::ObjectMeta;
use kube::runtime::watcher;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::deps::Deps;
use super::worker::{Desired, Signals, Worker};
use super::{labels, spec};
use crate::{cgroups, cri, metrics};

/// How often the runtime is asked what changed.
const RELIST: Duration = Duration::from_millis(500);
/// How often directories without a pod are looked for, in relists.
const SWEEP_EVERY: u64 = 120;

struct Handle {
    desired: watch::Sender<Desired>,
    signals: Signals,
}

struct Inner {
    deps: Arc<Deps>,
    workers: Mutex<HashMap<String, Handle>>,
    /// The first complete list from the API was taken in.
    synced: AtomicBool,
}

/// The pods of the node. Clones share the same state.
#[derive(Clone)]
pub struct Pods(Arc<Inner>);

impl std::fmt::Debug for Pods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pods").field("workers", &self.0.workers.lock().len()).finish_non_exhaustive()
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
    /// Makes it, without pods.
    pub fn new(deps: Deps) -> Self {
        Self(Arc::new(Inner { deps: Arc::new(deps), workers: Mutex::default(), synced: AtomicBool::new(false) }))
    }

    /// Takes in a stream of changes of the pods that are bound to this node, until it ends.
    pub async fn follow(&self, events: impl Stream<Item = watcher::Result<watcher::Event<Pod>>>) {
        let mut events = std::pin::pin!(events);
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(pod)) => {
                    listed.insert(spec::uid(&pod).to_owned());
                    self.set(Arc::new(pod));
                }
                Ok(watcher::Event::InitDone) => self.listed(&listed),
                Ok(watcher::Event::Apply(pod)) => self.set(Arc::new(pod)),
                Ok(watcher::Event::Delete(pod)) => self.gone(Arc::new(pod)),
                Err(error) => tracing::warn!(%error, "watch of pods failed, will retry"),
            }
        }
    }

    /// Takes in a complete list: pods that are not in it are gone.
    fn listed(&self, uids: &HashSet<String>) {
        for (uid, handle) in self.0.workers.lock().iter() {
            if !uids.contains(uid) {
                handle.desired.send_if_modified(|desired| !std::mem::replace(&mut desired.gone, true));
            }
        }
        self.0.synced.store(true, Ordering::Release);
    }

    /// Takes in a pod as the API has it.
    pub fn set(&self, pod: Arc<Pod>) {
        self.upsert(Desired { pod, gone: false });
    }

    /// Takes in that a pod is gone from the API.
    pub fn gone(&self, pod: Arc<Pod>) {
        if self.0.workers.lock().contains_key(spec::uid(&pod)) {
            self.upsert(Desired { pod, gone: true });
        }
    }

    fn upsert(&self, desired: Desired) {
        let uid = spec::uid(&desired.pod).to_owned();
        if uid.is_empty() {
            return;
        }
        let mut workers = self.0.workers.lock();
        if let Some(handle) = workers.get(&uid) {
            handle.desired.send_replace(desired);
            return;
        }
        let (sender, receiver) = watch::channel(desired);
        let signals = Signals::default();
        workers.insert(uid.clone(), Handle { desired: sender, signals: signals.clone() });
        drop(workers);
        let this = self.clone();
        let mut worker = Worker::new(Arc::clone(&self.0.deps), &uid, receiver, signals);
        self.0.deps.tasks.spawn_until_cancelled(format!("pod {uid}"), async move {
            loop {
                worker.run().await;
                // A pod that came back meanwhile keeps its worker.
                let mut workers = this.0.workers.lock();
                if workers.get(&uid).is_none_or(|handle| handle.desired.borrow().gone) {
                    workers.remove(&uid);
                    return;
                }
            }
        });
    }

    /// Tells a pod's worker that an object which the pod refers to changed.
    pub fn dirty(&self, uid: &str) {
        if let Some(handle) = self.0.workers.lock().get(uid) {
            handle.signals.dirty.store(true, Ordering::Release);
            handle.signals.wake.notify_one();
        }
    }

    /// Finds a pod by name; the newest when an older one of that name still ends.
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let workers = self.0.workers.lock();
        let named = workers.values().map(|handle| handle.desired.borrow().clone());
        named
            .filter(|desired| spec::namespace(&desired.pod) == namespace && spec::name(&desired.pod) == name)
            .max_by_key(|desired| (!desired.gone, desired.pod.metadata.creation_timestamp.clone()))
            .map(|desired| desired.pod)
    }

    /// Lists the pods.
    pub fn all(&self) -> Vec<Arc<Pod>> {
        let workers = self.0.workers.lock();
        workers.values().map(|handle| handle.desired.borrow().clone()).filter(|d| !d.gone).map(|d| d.pod).collect()
    }

    /// The runtime.
    pub(super) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// Asks the runtime again and again what changed, and wakes the workers concerned. Pods that only the runtime knows
    /// are ended, once the API has told which pods there are.
    pub async fn relist(&self) {
        let mut known: HashMap<String, Summary> = HashMap::new();
        let mut ticks = tokio::time::interval(RELIST);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut swept = false;
        for round in 0_u64.. {
            ticks.tick().await;
            let found = match self.list().await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%error, "runtime not listed, will retry");
                    continue;
                }
            };
            let synced = self.0.synced.load(Ordering::Acquire);
            for (uid, (summary, identity)) in &found {
                if known.get(uid) != Some(summary) {
                    self.wake(uid);
                }
                if synced {
                    self.end_unknown(uid, identity);
                }
            }
            known.keys().filter(|uid| !found.contains_key(*uid)).for_each(|uid| self.wake(uid));
            known = found.into_iter().map(|(uid, (summary, _))| (uid, summary)).collect();
            if synced && (!swept || round % SWEEP_EVERY == 0) {
                swept = true;
                self.sweep(&known).await;
            }
        }
    }

    fn wake(&self, uid: &str) {
        if let Some(handle) = self.0.workers.lock().get(uid) {
            handle.signals.wake.notify_one();
        }
    }

    async fn list(&self) -> Result<HashMap<String, (Summary, Identity)>, cri::Error> {
        let _timer = metrics::RELIST.start_timer();
        let mut found: HashMap<String, (Summary, Identity)> = HashMap::new();
        let runtime = &self.0.deps.runtime;
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
        if self.0.workers.lock().contains_key(uid) {
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
        for uid in self.0.deps.volumes.uids().await {
            if known.contains_key(&uid) || self.0.workers.lock().contains_key(&uid) {
                continue;
            }
            if let Err(error) = self.0.deps.volumes.remove(&uid).await {
                tracing::warn!(pod_uid = uid, %error, "left-over volumes not removed, will retry");
            }
        }
        self.sweep_cgroups(known).await;
    }

    async fn sweep_cgroups(&self, known: &HashMap<String, Summary>) {
        let root = self.0.deps.host.cgroup_root.clone();
        let listed = tokio::task::spawn_blocking(move || cgroups::pods(&root)).await;
        let Ok(Ok(listed)) = listed else { return };
        // Looked at after the list was made: a pod has its worker before it has a cgroup.
        let left: Vec<String> = {
            let workers = self.0.workers.lock();
            listed.into_iter().filter(|uid| !known.contains_key(uid) && !workers.contains_key(uid)).collect()
        };
        for uid in left {
            let cgroup = cgroups::of_pod(&self.0.deps.host.cgroup_root, &uid);
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
