//! Whether a job is over, and why. Pure.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::JobCondition;
use k8s_openapi::api::core::v1::Pod;

use super::model::{Observed, condition, make};
use super::policy::{Meaning, meaning};
use super::{per_index, success};
use crate::controllers::shared::counts::wanted;
use crate::controllers::shared::pods;

/// The interim condition of a job that will have failed when its pods have ended.
pub const FAILURE_TARGET: &str = "FailureTarget";
/// The interim condition of a job that will be complete when its pods have ended.
pub const SUCCESS_MET: &str = "SuccessCriteriaMet";

/// Returns the condition with which the job ends, if it does; `failed` pods have failed in all.
pub fn verdict(observed: &Observed, failed: i32) -> Option<JobCondition> {
    let (status, spec) = (observed.status(), observed.spec());
    if let Some(known) = condition(&status, SUCCESS_MET).or_else(|| condition(&status, FAILURE_TARGET)) {
        return Some(known.clone());
    }
    let failure = |reason: &str, message: &str| Some(make(FAILURE_TARGET, "True", reason, message, observed.now));
    if let Some(policy) = &spec.pod_failure_policy {
        let broken = observed.pods.iter().filter(|pod| observed.is_failed(pod));
        for pod in broken {
            if let Meaning::Fail(message) = meaning(Some(policy), pod) {
                return failure("PodFailurePolicy", &message);
            }
        }
    }
    let limit = spec.backoff_limit.unwrap_or(6);
    if failed > limit || restarts_exceed(observed, limit) {
        return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    if until_deadline(observed).is_some_and(|rest| rest.is_zero()) {
        return failure("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    of_indexes(observed)
}

/// Judges a job by the indexes that have succeeded and failed.
fn of_indexes(observed: &Observed) -> Option<JobCondition> {
    let spec = observed.spec();
    let completions = spec.completions.filter(|_| observed.is_indexed())?;
    let (succeeded, failed) = (observed.succeeded_indexes(), per_index::failed(observed));
    let failure = |reason: &str, message: &str| Some(make(FAILURE_TARGET, "True", reason, message, observed.now));
    if spec.max_failed_indexes.is_some_and(|most| failed.len() > wanted(most)) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return failure("MaxFailedIndexesExceeded", message);
    }
    if !failed.is_empty() && succeeded.union(&failed).count() >= wanted(completions) {
        return failure("FailedIndexes", "Job has failed indexes");
    }
    let message = success::met(spec.success_policy.as_ref()?, completions, &succeeded)?;
    Some(make(SUCCESS_MET, "True", "SuccessPolicy", &message, observed.now))
}

/// Counts restarts in place against the limit, for pods that are restarted on failure.
fn restarts_exceed(observed: &Observed, limit: i32) -> bool {
    let template = observed.spec().template.spec.as_ref();
    if template.and_then(|spec| spec.restart_policy.as_deref()) != Some("OnFailure") {
        return false;
    }
    let running = observed.pods.iter().filter(|pod| matches!(pods::phase(pod), "Running" | "Pending"));
    let restarts = running.map(|pod| restarts(pod)).fold(0, i32::saturating_add);
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn restarts(pod: &Pod) -> i32 {
    let Some(status) = &pod.status else { return 0 };
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    containers.map(|container| container.restart_count).fold(0, i32::saturating_add)
}

/// Returns how long the job may still be active; `None` without deadline, or while it is not active.
pub fn until_deadline(observed: &Observed) -> Option<Duration> {
    let seconds = observed.spec().active_deadline_seconds.filter(|_| !observed.is_suspended())?;
    let start = observed.job.status.as_ref()?.start_time.as_ref()?.0;
    let due = start.saturating_add(SignedDuration::from_secs(seconds)).ok()?;
    Some(Duration::try_from(due.duration_since(observed.now)).unwrap_or_default())
}
