//! The status that follows from a set's pods. Pure.

use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::StatefulSetStatus;
use k8s_openapi::api::core::v1::Pod;

use super::identity::{number_of, replicas, revision};
use super::plan::Observed;
use crate::controllers::shared::counts::{number, positive};
use crate::controllers::shared::pods;

/// Computes the status; `updating` pods are about to be deleted for the update.
pub fn status(observed: &Observed, updating: usize, collisions: Option<i32>) -> StatefulSetStatus {
    let set = &observed.set;
    let name = set.name_any();
    let own: Vec<&Pod> =
        observed.pods.iter().map(AsRef::as_ref).filter(|pod| number_of(&name, pod).is_some()).collect();
    let count = |matches: &dyn Fn(&Pod) -> bool| own.iter().filter(|pod| matches(pod)).count();
    let ready = |pod: &Pod| pods::phase(pod) == "Running" && pods::is_ready(pod);
    let seconds = min_ready_seconds(observed);
    let of = |name: &str| count(&|pod| pod.metadata.deletion_timestamp.is_none() && revision(pod) == name);
    let mut status = StatefulSetStatus {
        replicas: number(own.len()),
        ready_replicas: positive(count(&ready)),
        available_replicas: Some(number(count(&|pod| ready(pod) && pods::is_available(pod, seconds, observed.now)))),
        current_replicas: positive(of(&observed.current.name).saturating_sub(updating)),
        updated_replicas: positive(of(&observed.update.name)),
        current_revision: Some(observed.current.name.clone()),
        update_revision: Some(observed.update.name.clone()),
        observed_generation: set.metadata.generation,
        collision_count: Some(collisions.unwrap_or_default()),
        conditions: set.status.as_ref().and_then(|status| status.conditions.clone()),
    };
    complete(observed, &mut status);
    status
}

/// Makes the new revision the current one when all pods have it and are ready.
fn complete(observed: &Observed, status: &mut StatefulSetStatus) {
    let strategy = observed.set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete");
    let all = replicas(&observed.set);
    let counts = [status.updated_replicas.unwrap_or_default(), status.ready_replicas.unwrap_or_default()];
    if rolling && status.replicas == all && counts == [all, all] {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
}

/// Returns how long a pod must be ready to be available, in seconds.
fn min_ready_seconds(observed: &Observed) -> i32 {
    observed.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or_default()
}

/// Returns when the next ready pod becomes available; `None` when none is on its way.
pub fn next_available(observed: &Observed) -> Option<Duration> {
    let seconds = min_ready_seconds(observed);
    let waits = observed.pods.iter().filter_map(|pod| pods::until_available(pod, seconds, observed.now));
    waits.filter(|wait| !wait.is_zero()).min()
}
