//! Writes pod status to the API: the newest status of each pod, as a patch of what differs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::queue::WorkQueue;
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::conditions::RESIZE_PENDING;
use crate::pods::spec;

/// Writers at work at once.
const WORKERS: usize = 4;
/// Deadline of one write.
const TIMEOUT: Duration = Duration::from_secs(30);

struct Entry {
    pod: Arc<Pod>,
    status: PodStatus,
    version: u64,
    written: u64,
    /// What the last write left in the API, and its resource version.
    last: Option<(PodStatus, u64)>,
    /// The pod is not in the API any more.
    gone: bool,
}

struct Inner {
    client: Client,
    entries: Mutex<HashMap<String, Entry>>,
    queue: WorkQueue<String>,
    progress: Notify,
}

/// Keeps the API's pod status equal to the newest one given. Statuses of one pod are batched: only the newest is
/// written. Failures are retried with back-off. Clones share the same state.
#[derive(Clone)]
pub struct Writer(Arc<Inner>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("pending", &self.0.queue.len()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the writers.
    pub fn new(client: Client, tasks: &Tasks) -> Self {
        let inner =
            Inner { client, entries: Mutex::default(), queue: WorkQueue::new("pod_status"), progress: Notify::new() };
        let writer = Self(Arc::new(inner));
        for index in 0..WORKERS {
            let worker = writer.clone();
            tasks.spawn_until_cancelled(format!("pod status {index}"), async move { worker.run().await });
        }
        writer
    }

    /// Gives the newest status of a pod; `pod` is the object as the API last showed it.
    pub fn set(&self, pod: &Arc<Pod>, mut status: PodStatus) {
        let uid = spec::uid(pod).to_owned();
        {
            let mut entries = self.0.entries.lock();
            let entry = entries.entry(uid.clone()).or_insert_with(|| Entry {
                pod: Arc::clone(pod),
                status: PodStatus::default(),
                version: 0,
                written: 0,
                last: None,
                gone: false,
            });
            entry.pod = Arc::clone(pod);
            keep_times(&entry.status, &mut status);
            if entry.version > 0 && entry.status == status && base(entry) == &status {
                return;
            }
            entry.status = status;
            entry.version += 1;
        }
        self.0.queue.add(uid);
    }

    /// Waits until the newest status of a pod is in the API, or the pod is gone from it.
    pub async fn settled(&self, uid: &str) {
        loop {
            let progress = self.0.progress.notified();
            let settled = {
                let entries = self.0.entries.lock();
                entries.get(uid).is_none_or(|entry| entry.gone || entry.written == entry.version)
            };
            if settled {
                return;
            }
            progress.await;
        }
    }

    /// Forgets a pod.
    pub fn forget(&self, uid: &str) {
        self.0.entries.lock().remove(uid);
        self.0.progress.notify_waiters();
    }

    async fn run(&self) {
        while let Some(uid) = self.0.queue.next().await {
            match self.write(&uid).await {
                Ok(()) => self.0.queue.forget(&uid),
                Err(error) => {
                    tracing::warn!(pod_uid = %uid, %error, "pod status not written, will retry");
                    self.0.queue.add_rate_limited(uid.clone());
                }
            }
            self.0.queue.done(&uid);
            self.0.progress.notify_waiters();
        }
    }

    async fn write(&self, uid: &str) -> Result<(), kube::Error> {
        let Some((pod, patch, version, status)) = self.take(uid) else { return Ok(()) };
        let Some(patch) = patch else {
            self.wrote(uid, version, None);
            return Ok(());
        };
        let api: Api<Pod> = Api::namespaced(self.0.client.clone(), spec::namespace(&pod));
        let (parameters, patch) = (PatchParams::default(), Patch::Strategic(patch));
        let write = api.patch_status(spec::name(&pod), &parameters, &patch);
        match tokio::time::timeout(TIMEOUT, write).await {
            Ok(Ok(answer)) => {
                let revision = revision(&answer);
                self.wrote(uid, version, Some((status, revision)));
                Ok(())
            }
            Ok(Err(kube::Error::Api(answer))) if answer.code == 404 || answer.code == 409 => {
                // Gone, or another pod of the same name: either way there is nothing to write to.
                if let Some(entry) = self.0.entries.lock().get_mut(uid) {
                    entry.gone = answer.code == 404;
                    entry.written = version;
                }
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(kube::Error::Service("no answer in time".into())),
        }
    }

    fn take(&self, uid: &str) -> Option<(Arc<Pod>, Option<Value>, u64, PodStatus)> {
        let entries = self.0.entries.lock();
        let entry = entries.get(uid)?;
        let patch = patch(uid, base(entry), &entry.status);
        Some((Arc::clone(&entry.pod), patch, entry.version, entry.status.clone()))
    }

    fn wrote(&self, uid: &str, version: u64, last: Option<(PodStatus, u64)>) {
        if let Some(entry) = self.0.entries.lock().get_mut(uid) {
            entry.written = entry.written.max(version);
            if last.is_some() {
                entry.last = last;
            }
        }
    }
}

/// Keeps times that were given before: the pod that a status was made from may not show them yet, and a status that
/// names another time at each look would be written again and again.
fn keep_times(before: &PodStatus, status: &mut PodStatus) {
    if before.start_time.is_some() {
        status.start_time.clone_from(&before.start_time);
    }
    let old = before.conditions.as_deref().unwrap_or_default();
    for condition in status.conditions.iter_mut().flatten() {
        if let Some(same) = old.iter().find(|old| old.type_ == condition.type_ && old.status == condition.status) {
            condition.last_transition_time.clone_from(&same.last_transition_time);
        }
    }
}

/// Resource version as a number; 0 when it is none.
fn revision(pod: &Pod) -> u64 {
    pod.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What the API has, as far as known: the last write, unless the watch has shown something newer.
fn base(entry: &Entry) -> &PodStatus {
    static EMPTY: std::sync::LazyLock<PodStatus> = std::sync::LazyLock::new(PodStatus::default);
    let shown = entry.pod.status.as_ref();
    match &entry.last {
        Some((status, written_at)) if revision(&entry.pod) < *written_at => status,
        _ => shown.unwrap_or(&EMPTY),
    }
}

/// Makes a strategic merge patch from `old` to `new`; `None` when they are equal. Conditions of others are left alone,
/// and the uid makes the patch fail on another pod of the same name.
pub fn patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Option<Value> {
    let (old, new) = (object(old), object(new));
    let mut changes = Map::new();
    for (key, value) in &new {
        let before = old.get(key);
        if before == Some(value) {
            continue;
        }
        let value = match key.as_str() {
            "conditions" => changed_elements(before, value),
            "podIPs" | "hostIPs" => replaced(before, value),
            _ => value.clone(),
        };
        changes.insert(key.clone(), value);
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        changes.insert(key.clone(), Value::Null);
    }
    (!changes.is_empty()).then(|| json!({"metadata": {"uid": uid}, "status": changes}))
}

fn object(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn changed_elements(before: Option<&Value>, after: &Value) -> Value {
    let before = before.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let changed = after.as_array().into_iter().flatten().filter(|element| !before.contains(element));
    // The kubelet's own condition that comes and goes; those of others are left alone.
    let type_of = |element: &Value| element.get("type").and_then(Value::as_str) == Some(RESIZE_PENDING);
    let after = after.as_array().map(Vec::as_slice).unwrap_or_default();
    let gone = before.iter().any(type_of) && !after.iter().any(type_of);
    let gone = gone.then(|| json!({"$patch": "delete", "type": RESIZE_PENDING}));
    Value::Array(changed.map(|element| cleared(before, element)).chain(gone).collect())
}

/// An element of a merged list keeps fields that a patch does not name: name those that must go.
fn cleared(before: &[Value], element: &Value) -> Value {
    let mut element = element.clone();
    let old = before.iter().find(|old| old.get("type") == element.get("type"));
    if let (Some(old), Some(new)) = (old.and_then(Value::as_object), element.as_object_mut()) {
        for key in old.keys() {
            if !new.contains_key(key) {
                new.insert(key.clone(), Value::Null);
            }
        }
    }
    element
}

fn replaced(before: Option<&Value>, after: &Value) -> Value {
    let before = before.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let elements = after.as_array().map(Vec::as_slice).unwrap_or_default();
    if before.iter().all(|element| elements.contains(element)) {
        return after.clone();
    }
    std::iter::once(json!({"$patch": "replace"})).chain(elements.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn times_stay_though_the_pod_does_not_show_them_yet() {
        let at = |second: u32, ready: &str| {
            let time = format!("2026-01-01T00:00:{second:02}Z");
            status(json!({"phase": "Pending", "startTime": time, "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": time},
                {"type": "Ready", "status": ready, "lastTransitionTime": time}
            ]}))
        };
        let mut new = at(9, "True");
        keep_times(&at(1, "False"), &mut new);
        let times: Vec<_> = new.conditions.iter().flatten().map(|one| one.last_transition_time.clone()).collect();
        assert_eq!(times, [at(1, "").start_time, at(9, "").start_time]);
        assert_eq!(new.start_time, at(1, "").start_time);
        let mut first = at(2, "True");
        keep_times(&PodStatus::default(), &mut first);
        assert_eq!(first, at(2, "True"));
    }

    #[test]
    fn equal_statuses_need_no_patch() {
        let one = status(json!({"phase": "Running", "podIP": "1.2.3.4"}));
        assert_eq!(patch("u", &one, &one.clone()), None);
    }

    #[test]
    fn a_patch_names_what_changed_and_nulls_what_went() {
        let old = status(json!({
            "phase": "Pending", "message": "x", "podIPs": [{"ip": "1.1.1.1"}],
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
                {"type": "Other", "status": "True"}
            ]
        }));
        let new = status(json!({
            "phase": "Running", "podIPs": [{"ip": "2.2.2.2"}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "True"}]
        }));
        assert_eq!(
            patch("u", &old, &new).unwrap(),
            json!({"metadata": {"uid": "u"}, "status": {
                "phase": "Running",
                "message": null,
                "podIPs": [{"$patch": "replace"}, {"ip": "2.2.2.2"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": null}]
            }})
        );
    }
}
