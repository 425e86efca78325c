//! The next step of a roll-out. Pure.
//!
//! Follows pkg/controller/deployment/{rolling,recreate}.go @ v1.36.

use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::model::{Observed, Step, available, max_unavailable, replicas, size, sum};
use super::scale::{new_size, resize};

/// Returns the writes of a rolling update: grow the newest set, or else shrink old ones.
pub fn rolling(observed: &Observed, new: &ReplicaSet) -> Vec<Step> {
    let deployment = &observed.deployment;
    let wanted = replicas(deployment);
    if size(new) > wanted {
        return resize(deployment, new, wanted).into_iter().collect();
    }
    let next = new_size(deployment, &observed.sets, size(new));
    if next != size(new) {
        return resize(deployment, new, next).into_iter().collect();
    }
    shrink_old(observed, new)
}

/// Shrinks old sets: first by pods that are not available anyway, then by as many as may be missing.
fn shrink_old(observed: &Observed, new: &ReplicaSet) -> Vec<Step> {
    let deployment = &observed.deployment;
    let old: Vec<_> = observed.old_sets().into_iter().filter(|set| size(set) > 0).collect();
    let least = replicas(deployment) - max_unavailable(deployment);
    let new_unavailable = size(new) - available(new);
    let removable = sum(&observed.sets, size) - least - new_unavailable;
    if old.is_empty() || removable <= 0 {
        return Vec::new();
    }
    let mut sizes: Vec<i32> = old.iter().map(|set| size(set)).collect();
    let mut removed = 0;
    for (set, size) in old.iter().zip(&mut sizes) {
        let unhealthy = (*size - available(set)).clamp(0, removable - removed);
        *size -= unhealthy;
        removed += unhealthy;
    }
    // A set that was just shrunk still tells of pods that are to go: they are not there to be relied on.
    let mut spare = (sum(&observed.sets, |set| available(set).min(size(set))) - least).max(0);
    for size in &mut sizes {
        let gone = (*size).min(spare);
        *size -= gone;
        spare -= gone;
    }
    let changed = old.iter().zip(sizes).filter(|(set, to)| size(set) != *to);
    changed.filter_map(|(set, to)| resize(deployment, set, to)).collect()
}

/// What to do next when all old pods must be gone before the first new one.
#[derive(Debug, PartialEq)]
pub enum Recreate {
    /// Shrink the old sets.
    Shrink(Vec<Step>),
    /// Wait for old pods to end.
    Wait,
    /// The newest set may be made or grown.
    Grow,
}

/// Returns the next step of a re-creation.
pub fn recreate(observed: &Observed) -> Recreate {
    let old = observed.old_sets();
    let active = old.iter().filter(|set| size(set) > 0);
    let steps: Vec<Step> = active.filter_map(|set| resize(&observed.deployment, set, 0)).collect();
    if !steps.is_empty() {
        return Recreate::Shrink(steps);
    }
    let has_pods = |set: &Arc<ReplicaSet>| {
        let counted = set.status.as_ref().is_some_and(|status| status.replicas > 0);
        counted || set.uid().is_some_and(|uid| observed.running.contains(&uid))
    };
    if old.iter().any(has_pods) { Recreate::Wait } else { Recreate::Grow }
}
