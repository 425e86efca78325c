//! The counting of pods that have ended, each once. Pure.
//!
//! In three steps: note the uids in the status; take the finalizers off; count what is noted and has no finalizer.
//! Follows pkg/controller/job/job_controller.go: trackJobStatusAndRemoveFinalizers @ v1.36.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::model::{Observed, make, set, uid, uncounted};
use super::policy::{Meaning, meaning};
use super::verdict::{FAILURE_TARGET, SUCCESS_MET};
use super::{indexes, per_index};
use crate::controllers::shared::counts::{number, positive};
use crate::controllers::shared::pods;

/// The most uids noted at a time, so that the status stays small.
const MOST: usize = 500;

/// What is to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracking {
    /// The status with the uids noted, to be written before finalizers go.
    pub status: JobStatus,
    /// The pods whose finalizers go.
    pub release: Vec<Arc<Pod>>,
    /// Whether more pods than these have ended.
    pub more: bool,
}

/// Notes pods that have ended; when the job is over, every pod has.
pub fn note(observed: &Observed, mut status: JobStatus, over: Option<&JobCondition>) -> Tracking {
    let (mut succeeded, mut failed) = uncounted(&status);
    let known: BTreeSet<String> = succeeded.iter().chain(&failed).cloned().collect();
    let failing = over.is_some_and(|condition| condition.type_ == FAILURE_TARGET);
    let mut indexes = observed.noted_indexes();
    let before = indexes.len();
    let (mut release, mut more) = (Vec::new(), false);
    let gone = observed.job.metadata.deletion_timestamp.is_some();
    let waiting = if over.is_some() || gone { BTreeSet::new() } else { per_index::waiting(observed) };
    for pod in observed.pods.iter().filter(|pod| observed.is_tracked(pod) && !waiting.contains(&uid(pod))) {
        let (good, bad) = (pods::phase(pod) == "Succeeded", observed.is_failed(pod));
        if !(good || bad || over.is_some() || gone) {
            continue;
        }
        if indexes.len() - before + succeeded.len() + failed.len() >= MOST {
            more = true;
            break;
        }
        release.push(pod.clone());
        let valid = !observed.is_indexed() || observed.index(pod).is_some();
        if known.contains(&uid(pod)) || !valid {
            continue;
        }
        if good && observed.is_indexed() {
            indexes.extend(observed.index(pod));
        } else if good {
            succeeded.push(uid(pod));
        } else if (bad || failing) && meaning(observed.spec().pod_failure_policy.as_ref(), pod) != Meaning::Ignore {
            failed.push(uid(pod));
        }
    }
    if observed.is_indexed() {
        status.succeeded = positive(indexes.len());
        status.completed_indexes = Some(indexes::format(&indexes)).filter(|text| !text.is_empty());
    }
    if observed.spec().backoff_limit_per_index.is_some() {
        status.failed_indexes = Some(indexes::format(&per_index::failed(observed)));
    }
    keep(&mut status, succeeded, failed);
    Tracking { status, release, more }
}

fn keep(status: &mut JobStatus, succeeded: Vec<String>, failed: Vec<String>) {
    let list = |uids: Vec<String>| (!uids.is_empty()).then_some(uids);
    status.uncounted_terminated_pods =
        Some(UncountedTerminatedPods { succeeded: list(succeeded), failed: list(failed) });
}

/// Counts the noted uids that are not among those that still hold a finalizer.
pub fn count(status: &mut JobStatus, held: &BTreeSet<String>) {
    let (succeeded, failed) = uncounted(status);
    let split =
        |uids: Vec<String>| -> (Vec<String>, Vec<String>) { uids.into_iter().partition(|uid| held.contains(uid)) };
    let ((succeeded, good), (failed, bad)) = (split(succeeded), split(failed));
    let add = |counted: Option<i32>, more: usize| {
        let total = counted.unwrap_or_default().saturating_add(number(more));
        Some(total).filter(|total| *total > 0)
    };
    status.succeeded = add(status.succeeded, good.len());
    status.failed = add(status.failed, bad.len());
    keep(status, succeeded, failed);
}

/// Makes the final condition from the interim one.
pub fn last(over: &JobCondition, now: Timestamp) -> JobCondition {
    let kind = if over.type_ == SUCCESS_MET { "Complete" } else { "Failed" };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    make(kind, "True", &text(&over.reason), &text(&over.message), now)
}

/// Sets the final condition when everything is counted and no pod is going away; says whether it did.
pub fn finish(status: &mut JobStatus, over: &JobCondition, now: Timestamp) -> bool {
    let (succeeded, failed) = uncounted(status);
    if !succeeded.is_empty() || !failed.is_empty() || status.terminating.unwrap_or_default() > 0 {
        return false;
    }
    let last = last(over, now);
    if last.type_ == "Complete" {
        status.completion_time = Some(Time(now));
    }
    set(status, last);
    true
}
