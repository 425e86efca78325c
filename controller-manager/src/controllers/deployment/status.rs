//! The status of a deployment and its conditions. Pure.
//!
//! Follows pkg/controller/deployment/{progress,sync}.go and util/deployment_util.go @ v1.36.

use std::sync::Arc;
use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::model::{Observed, deadline, max_unavailable, replicas, size, status_of, sum};

/// The condition that tells about the roll-out.
pub const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// Returns a condition of a status.
pub fn condition<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

/// Makes a condition that changes now.
pub fn make(kind: &str, value: &str, reason: &str, message: String, now: Timestamp) -> DeploymentCondition {
    DeploymentCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// Puts a condition last, unless one of its type with the same status and reason is there.
pub fn set(status: &mut DeploymentStatus, mut new: DeploymentCondition) {
    if let Some(old) = condition(status, &new.type_) {
        if old.status == new.status && old.reason == new.reason {
            return;
        }
        if old.status == new.status {
            new.last_transition_time = old.last_transition_time.clone();
        }
    }
    remove(status, &new.type_.clone());
    status.conditions.get_or_insert_default().push(new);
}

fn remove(status: &mut DeploymentStatus, kind: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_ != kind);
    }
    if status.conditions.as_ref().is_some_and(Vec::is_empty) {
        status.conditions = None;
    }
}

/// Counts pods and judges availability.
pub fn calculate(observed: &Observed, new: Option<&ReplicaSet>) -> DeploymentStatus {
    let (deployment, all) = (&observed.deployment, &observed.sets);
    let total = |number: fn(&ReplicaSetStatus) -> Option<i32>| sum(all, |set| of(set, number));
    let available = total(|status| status.available_replicas);
    let mut status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: positive(total(|status| Some(status.replicas))),
        updated_replicas: positive(new.map_or(0, |set| of(set, |status| Some(status.replicas)))),
        ready_replicas: positive(total(|status| status.ready_replicas)),
        available_replicas: positive(available),
        unavailable_replicas: positive(sum(all, size) - available),
        terminating_replicas: terminating(all),
        ..status_of(deployment)
    };
    let (value, reason, message) = if available >= replicas(deployment) - max_unavailable(deployment) {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    set(&mut status, make(AVAILABLE, value, reason, message.to_owned(), observed.now));
    status
}

fn of(set: &ReplicaSet, number: fn(&ReplicaSetStatus) -> Option<i32>) -> i32 {
    set.status.as_ref().and_then(number).unwrap_or_default()
}

fn positive(count: i32) -> Option<i32> {
    Some(count).filter(|count| *count > 0)
}

/// Returns how many pods are going away; `None` while a set has not told.
fn terminating(all: &[Arc<ReplicaSet>]) -> Option<i32> {
    all.iter().map(|set| set.status.as_ref().and_then(|status| status.terminating_replicas)).sum()
}

/// Says whether all pods are updated, available and observed.
pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = replicas(deployment);
    let reached = |count: Option<i32>| count.unwrap_or_default() == wanted;
    reached(status.updated_replicas)
        && reached(status.replicas)
        && reached(status.available_replicas)
        && status.observed_generation >= deployment.metadata.generation
}

/// Returns the status of a roll-out, with its progress and the failures of its sets.
pub fn rollout(observed: &Observed, new: Option<&ReplicaSet>) -> DeploymentStatus {
    let deployment = &observed.deployment;
    let mut status = calculate(observed, new);
    let current = condition(&status, PROGRESSING).cloned();
    if deadline(deployment).is_none() {
        remove(&mut status, PROGRESSING);
    }
    let settled = status.replicas == status.updated_replicas
        && current.as_ref().is_some_and(|current| current.reason.as_deref() == Some(COMPLETE));
    if deadline(deployment).is_some() && !settled {
        judge_progress(observed, new, current, &mut status);
    }
    match failure(&observed.sets, new) {
        Some(failure) => set(&mut status, failure),
        None => remove(&mut status, REPLICA_FAILURE),
    }
    status
}

fn judge_progress(
    observed: &Observed,
    new: Option<&ReplicaSet>,
    current: Option<DeploymentCondition>,
    status: &mut DeploymentStatus,
) {
    let (deployment, now) = (&observed.deployment, observed.now);
    let subject = match new {
        Some(new) => format!("ReplicaSet {:?}", new.name_any()),
        None => format!("Deployment {:?}", deployment.name_any()),
    };
    if is_complete(deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        set(status, make(PROGRESSING, "True", COMPLETE, message, now));
    } else if is_progressing(deployment, status) {
        let message = format!("{subject} is progressing.");
        let mut next = make(PROGRESSING, "True", "ReplicaSetUpdated", message, now);
        if let Some(current) = current.filter(|current| current.status == "True") {
            next.last_transition_time = current.last_transition_time;
        }
        // Removed first, so that the time of the update moves even when nothing else does.
        remove(status, PROGRESSING);
        set(status, next);
    } else if has_timed_out(deployment, status, now) {
        let message = format!("{subject} has timed out progressing.");
        set(status, make(PROGRESSING, "False", TIMED_OUT, message, now));
    }
}

fn is_progressing(deployment: &Deployment, new: &DeploymentStatus) -> bool {
    let old = status_of(deployment);
    let stale =
        |status: &DeploymentStatus| status.replicas.unwrap_or_default() - status.updated_replicas.unwrap_or_default();
    new.updated_replicas > old.updated_replicas
        || stale(new) < stale(&old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

fn has_timed_out(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> bool {
    match condition(status, PROGRESSING).and_then(|condition| condition.reason.as_deref()) {
        None | Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        Some(_) => due(deployment, status).is_some_and(|due| due < now),
    }
}

/// Returns when the deadline passes, counted from the last progress.
fn due(deployment: &Deployment, status: &DeploymentStatus) -> Option<Timestamp> {
    let from = condition(status, PROGRESSING)?.last_update_time.as_ref()?.0;
    from.checked_add(SignedDuration::try_from(deadline(deployment)?).ok()?).ok()
}

/// Returns when a roll-out that is under way has to be judged again.
pub fn next_check(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> Option<Duration> {
    let reason = condition(status, PROGRESSING).and_then(|condition| condition.reason.as_deref());
    if is_complete(deployment, status) || matches!(reason, None | Some(TIMED_OUT | COMPLETE)) {
        return None;
    }
    let rest = due(deployment, status)?.duration_since(now);
    // A second more, as timestamps are whole seconds.
    Some(Duration::try_from(rest).unwrap_or_default() + Duration::from_secs(1))
}

/// Returns the condition to set when a deployment was just paused or resumed.
pub fn pause_change(observed: &Observed) -> Option<DeploymentCondition> {
    let deployment = &observed.deployment;
    deadline(deployment)?;
    let status = status_of(deployment);
    let reason = condition(&status, PROGRESSING).and_then(|condition| condition.reason.as_deref());
    if reason == Some(TIMED_OUT) {
        return None;
    }
    let paused = deployment.spec.as_ref().and_then(|spec| spec.paused).unwrap_or_default();
    match (paused, reason == Some(PAUSED)) {
        (true, false) => Some(make(PROGRESSING, "Unknown", PAUSED, "Deployment is paused".to_owned(), observed.now)),
        (false, true) => {
            let message = "Deployment is resumed".to_owned();
            Some(make(PROGRESSING, "Unknown", "DeploymentResumed", message, observed.now))
        }
        _ => None,
    }
}

/// Returns the failure of the newest set, or else of any.
fn failure(all: &[Arc<ReplicaSet>], new: Option<&ReplicaSet>) -> Option<DeploymentCondition> {
    let mut sets = new.into_iter().chain(all.iter().map(Arc::as_ref));
    sets.find_map(|set| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        let found = conditions.iter().find(|condition| condition.type_ == REPLICA_FAILURE)?;
        Some(DeploymentCondition {
            type_: found.type_.clone(),
            status: found.status.clone(),
            reason: found.reason.clone(),
            message: found.message.clone(),
            last_update_time: found.last_transition_time.clone(),
            last_transition_time: found.last_transition_time.clone(),
        })
    })
}
