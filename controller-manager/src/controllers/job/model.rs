//! What a plan is made from, and small questions about it. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::indexes;
use crate::controllers::shared::pods;

/// The finalizer of pods that are not counted yet.
pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The annotation and label of a pod with its completion index.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The annotation of a pod with how often its index has failed before, where failures are limited by index.
pub const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The same for failures that do not count.
pub const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The job.
    pub job: Arc<Job>,
    /// Its pods.
    pub pods: Vec<Arc<Pod>>,
    /// The uids of pods whose finalizer was removed, as the cache may not show yet.
    pub released: BTreeSet<String>,
    /// Whether the cache shows all pods that were created and deleted.
    pub caught_up: bool,
    /// How long no pod may be created after failures.
    pub wait: Duration,
    /// The time.
    pub now: Timestamp,
}

impl Observed {
    /// Returns the job's spec; the server admits none without.
    pub fn spec(&self) -> &JobSpec {
        self.job.spec.as_ref().expect("the server admits no job without spec")
    }

    /// Says whether no pods may run.
    pub fn is_suspended(&self) -> bool {
        self.spec().suspend == Some(true)
    }

    /// Says whether each pod has a completion index.
    pub fn is_indexed(&self) -> bool {
        self.spec().completion_mode.as_deref() == Some("Indexed")
    }

    /// Says whether a pod is replaced only when it has ended.
    pub fn replaces_failed_only(&self) -> bool {
        self.spec().pod_replacement_policy.as_deref() == Some("Failed")
    }

    /// Returns a pod's completion index, if it is one of the job's.
    pub fn index(&self, pod: &Pod) -> Option<i32> {
        let index: i32 = pod.annotations().get(INDEX)?.parse().ok()?;
        (0..self.spec().completions.unwrap_or_default()).contains(&index).then_some(index)
    }

    /// Says whether a pod counts as failed; one that is deleted does before it has ended.
    pub fn is_failed(&self, pod: &Pod) -> bool {
        let deleted = pod.metadata.deletion_timestamp.is_some() && pods::phase(pod) != "Succeeded";
        pods::phase(pod) == "Failed" || (deleted && !self.replaces_failed_only())
    }

    /// Says whether the pod's end is still to be counted.
    pub fn is_tracked(&self, pod: &Pod) -> bool {
        has_finalizer(pod) && !self.released.contains(&uid(pod))
    }

    /// Returns the pods that run or will.
    pub fn active(&self) -> Vec<Arc<Pod>> {
        self.pods.iter().filter(|pod| pods::is_active(pod)).cloned().collect()
    }

    /// Returns how many pods are being deleted and have not ended.
    pub fn terminating(&self) -> usize {
        let terminating =
            |pod: &&Arc<Pod>| pod.metadata.deletion_timestamp.is_some() && !pods::is_terminal(pod.as_ref());
        self.pods.iter().filter(terminating).count()
    }

    /// Returns tracked pods that no status has noted yet and that `ended` selects.
    pub fn unnoted(&self, noted: &[String], ended: impl Fn(&Pod) -> bool) -> Vec<Arc<Pod>> {
        let counts = |pod: &&Arc<Pod>| {
            self.is_tracked(pod)
                && !noted.contains(&uid(pod))
                && (!self.is_indexed() || self.index(pod).is_some())
                && ended(pod)
        };
        self.pods.iter().filter(counts).cloned().collect()
    }

    /// Returns the indexes that the status counts as succeeded.
    pub fn noted_indexes(&self) -> BTreeSet<i32> {
        let text = self.job.status.as_ref().and_then(|status| status.completed_indexes.as_deref());
        indexes::parse(text.unwrap_or_default(), self.spec().completions.unwrap_or_default())
    }

    /// Returns those and the indexes of pods that have succeeded since.
    pub fn succeeded_indexes(&self) -> BTreeSet<i32> {
        let tracked = self.pods.iter().filter(|pod| pods::phase(pod) == "Succeeded" && self.is_tracked(pod));
        self.noted_indexes().into_iter().chain(tracked.filter_map(|pod| self.index(pod))).collect()
    }

    /// Returns the job's status.
    pub fn status(&self) -> JobStatus {
        self.job.status.clone().unwrap_or_default()
    }
}

/// Says whether a pod holds the finalizer.
pub fn has_finalizer(pod: &Pod) -> bool {
    pod.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Returns a pod's uid.
pub fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

/// Returns the uids noted but not counted: succeeded, failed.
pub fn uncounted(status: &JobStatus) -> (Vec<String>, Vec<String>) {
    let UncountedTerminatedPods { succeeded, failed } = status.uncounted_terminated_pods.clone().unwrap_or_default();
    (succeeded.unwrap_or_default(), failed.unwrap_or_default())
}

/// Returns a condition that is true.
pub fn condition<'a>(status: &'a JobStatus, kind: &str) -> Option<&'a JobCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == kind && condition.status == "True")
}

/// Says whether the job has completed or failed.
pub fn is_finished(job: &Job) -> bool {
    let status = job.status.as_ref();
    status.is_some_and(|status| condition(status, "Complete").or_else(|| condition(status, "Failed")).is_some())
}

/// Makes a condition that changes now.
pub fn make(kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> JobCondition {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    JobCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: text(reason),
        message: text(message),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// Sets a condition; says whether that changed anything. One that was never true is not set to false.
pub fn set(status: &mut JobStatus, new: JobCondition) -> bool {
    let conditions = status.conditions.get_or_insert_default();
    let changed = match conditions.iter_mut().find(|condition| condition.type_ == new.type_) {
        Some(old) if old.status == new.status && old.reason == new.reason && old.message == new.message => false,
        Some(old) => {
            *old = new;
            true
        }
        None if new.status == "False" => false,
        None => {
            conditions.push(new);
            true
        }
    };
    if conditions.is_empty() {
        status.conditions = None;
    }
    changed
}
