//! All pods of the node: one worker each, woken by the API, by the runtime, by probes and by referenced objects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::deps::Deps;
use super::spec;
use super::worker::{Desired, Signals, Worker};
use crate::status::Verdict;

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

impl Pods {
    /// Makes it, without pods.
    pub fn new(deps: Deps) -> Self {
        Self(Arc::new(Inner { deps: Arc::new(deps), workers: Mutex::default(), synced: AtomicBool::new(false) }))
    }

    /// Takes in a stream of changes of the pods that are bound to this node, until it ends.
    pub async fn follow(&self, events: impl Stream<Item = watcher::Result<watcher::Event<Pod>>>) {
        let mut events = std::pin::pin!(events);
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(pod)) => listed.push(Arc::new(pod)),
                Ok(watcher::Event::InitDone) => self.listed(std::mem::take(&mut listed)),
                Ok(watcher::Event::Apply(pod)) => self.set(Arc::new(pod)),
                Ok(watcher::Event::Delete(pod)) => self.gone(Arc::new(pod)),
                Err(error) => tracing::warn!(%error, "watch of pods failed, will retry"),
            }
        }
    }

    /// Takes in a complete list: pods that are not in it are gone. Those that this node took before are known before
    /// any other is judged.
    fn listed(&self, mut pods: Vec<Arc<Pod>>) {
        pods.sort_by(|a, b| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp));
        pods.iter().filter(|pod| spec::acknowledged(pod)).for_each(|pod| self.0.deps.ledger.record(pod));
        let uids: HashSet<&str> = pods.iter().map(|pod| spec::uid(pod)).collect();
        for (uid, handle) in self.0.workers.lock().iter() {
            if !uids.contains(uid.as_str()) {
                handle.desired.send_if_modified(|desired| !std::mem::replace(&mut desired.gone, true));
            }
        }
        pods.into_iter().for_each(|pod| self.set(pod));
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

    pub(super) fn upsert(&self, desired: Desired) {
        let uid = spec::uid(&desired.pod).to_owned();
        if uid.is_empty() {
            return;
        }
        let mut workers = self.0.workers.lock();
        if let Some(handle) = workers.get(&uid) {
            let pod = Arc::clone(&desired.pod);
            if facts_changed(&handle.desired.send_replace(desired).pod, &pod) {
                handle.signals.dirty.store(true, Ordering::Release);
                handle.signals.wake.notify_one();
            }
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

    /// Ends a pod for the node's sake.
    pub fn fail(&self, uid: &str, why: Verdict) {
        if let Some(handle) = self.0.workers.lock().get(uid) {
            handle.signals.fail.lock().get_or_insert(why);
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

    /// What the workers share.
    pub(super) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// Whether the API has told which pods there are.
    pub(super) fn synced(&self) -> bool {
        self.0.synced.load(Ordering::Acquire)
    }

    /// Whether a pod has a worker.
    pub(super) fn has_worker(&self, uid: &str) -> bool {
        self.0.workers.lock().contains_key(uid)
    }

    /// Has a pod's worker look again.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(handle) = self.0.workers.lock().get(uid) {
            handle.signals.wake.notify_one();
        }
    }
}

/// Whether what volumes show of the pod itself may have changed.
fn facts_changed(old: &Pod, new: &Pod) -> bool {
    let facts = |pod: &Pod| (pod.metadata.labels.clone(), pod.metadata.annotations.clone(), pod.metadata.generation);
    facts(old) != facts(new)
}
