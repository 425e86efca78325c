//! What to write next for a deployment. Pure.

use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};

use super::model::{Observed, Plan, REVISION, Step, deadline, is_rolling, replicas, size, spec, status_of};
use super::rolling::{self, Recreate};
use super::status::{self, PROGRESSING};
use super::{revision, scale};

/// Decides the next writes. Repeated until it is empty, it completes the roll-out as far as the pods allow.
pub fn plan(observed: &Observed) -> Plan {
    let deployment = &observed.deployment;
    let new = observed.new_set().cloned();
    if deployment.metadata.deletion_timestamp.is_some() {
        return finish(observed, Vec::new(), status::calculate(observed, new.as_deref()));
    }
    if let Some(condition) = status::pause_change(observed) {
        let mut status = status_of(deployment);
        status::set(&mut status, condition);
        return Plan { steps: write_status(deployment, status, None), again: None };
    }
    if let Some(step) = new.as_deref().and_then(|new| keep_up(observed, new)) {
        return Plan { steps: vec![step], again: None };
    }
    let paused = spec(deployment).paused.unwrap_or_default();
    if paused || scale::is_scaling_event(observed) {
        let mut steps = scale::scale(observed);
        if paused {
            steps.extend(clean_up(observed));
        }
        return finish(observed, steps, status::calculate(observed, new.as_deref()));
    }
    if is_rolling(deployment) { roll(observed, new.as_ref()) } else { recreate(observed, new.as_ref()) }
}

fn roll(observed: &Observed, new: Option<&Arc<ReplicaSet>>) -> Plan {
    let Some(new) = new else { return create(observed) };
    let steps = rolling::rolling(observed, new);
    complete(observed, new, steps)
}

fn recreate(observed: &Observed, new: Option<&Arc<ReplicaSet>>) -> Plan {
    match (rolling::recreate(observed), new) {
        (Recreate::Shrink(steps), _) => finish(observed, steps, status::rollout(observed, new.map(Arc::as_ref))),
        (Recreate::Wait, _) => finish(observed, Vec::new(), status::rollout(observed, new.map(Arc::as_ref))),
        (Recreate::Grow, None) => create(observed),
        (Recreate::Grow, Some(new)) => {
            let wanted = replicas(&observed.deployment);
            let grown = (size(new) != wanted).then(|| scale::resize(&observed.deployment, new, wanted));
            complete(observed, new, grown.flatten().into_iter().collect())
        }
    }
}

/// Ends a roll-out step: when nothing is left to scale and all is there, old sets beyond the limit go.
fn complete(observed: &Observed, new: &ReplicaSet, mut steps: Vec<Step>) -> Plan {
    if steps.is_empty() && status::is_complete(&observed.deployment, &status_of(&observed.deployment)) {
        steps = clean_up(observed);
    }
    finish(observed, steps, status::rollout(observed, Some(new)))
}

fn finish(observed: &Observed, mut steps: Vec<Step>, status: DeploymentStatus) -> Plan {
    let again = status::next_check(&observed.deployment, &status, observed.now);
    steps.extend(write_status(&observed.deployment, status, None));
    Plan { steps, again }
}

/// Makes the set of a new template, and tells the revision and the progress.
fn create(observed: &Observed) -> Plan {
    let (deployment, set) = (&observed.deployment, revision::make_set(observed));
    let mut status = status_of(deployment);
    if deadline(deployment).is_some() {
        let message = format!("Created new replica set {:?}", set.name_any());
        status::set(&mut status, status::make(PROGRESSING, "True", "NewReplicaSetCreated", message, observed.now));
    }
    let number = revision::of(&set);
    let mut steps = vec![Step::Create(Box::new(set))];
    steps.extend(write_status(deployment, status, Some(number)));
    Plan { steps, again: None }
}

/// Keeps the newest set's annotations and readiness time, and the deployment's revision, up to date.
fn keep_up(observed: &Observed, new: &ReplicaSet) -> Option<Step> {
    let deployment = &observed.deployment;
    let mut next = new.clone();
    revision::annotate(deployment, &mut next, revision::next(&observed.old_sets()));
    if let Some(set_spec) = &mut next.spec {
        set_spec.min_ready_seconds = spec(deployment).min_ready_seconds;
    }
    if next.metadata.annotations != new.metadata.annotations || next.spec != new.spec {
        return Some(Step::Update { set: Box::new(next), event: None });
    }
    let mut status = status_of(deployment);
    if deadline(deployment).is_some() && status::condition(&status, PROGRESSING).is_none() {
        let message = format!("Found new replica set {:?}", new.name_any());
        status::set(&mut status, status::make(PROGRESSING, "True", "FoundNewReplicaSet", message, observed.now));
    }
    write_status(deployment, status, Some(revision::of(new)).filter(|number| *number > 0)).pop()
}

/// Returns the write of a status and revision, if they differ from what is there.
fn write_status(deployment: &Deployment, status: DeploymentStatus, revision: Option<i64>) -> Vec<Step> {
    let revision = revision.map(|number| number.to_string());
    let same_revision = revision.is_none() || deployment.annotations().get(REVISION) == revision.as_ref();
    if same_revision && status == status_of(deployment) {
        return Vec::new();
    }
    let mut next = deployment.clone();
    next.status = Some(status);
    if let Some(revision) = revision {
        next.annotations_mut().insert(REVISION.to_owned(), revision);
    }
    vec![Step::Status(Box::new(next))]
}

/// Deletes the oldest revisions beyond the limit, as far as they are empty and observed.
fn clean_up(observed: &Observed) -> Vec<Step> {
    let Some(limit) = spec(&observed.deployment).revision_history_limit.filter(|limit| *limit != i32::MAX) else {
        return Vec::new();
    };
    let old = observed.old_sets();
    let mut alive: Vec<_> = old.iter().filter(|set| set.metadata.deletion_timestamp.is_none()).collect();
    alive.sort_by_key(|set| revision::of(set));
    let surplus = alive.len().saturating_sub(usize::try_from(limit).unwrap_or_default());
    let idle = |set: &&&Arc<ReplicaSet>| {
        let status = set.status.clone().unwrap_or_default();
        size(set) == 0 && status.replicas == 0 && status.observed_generation >= set.metadata.generation
    };
    alive.iter().take(surplus).filter(idle).map(|set| Step::Delete(set.name_any())).collect()
}
