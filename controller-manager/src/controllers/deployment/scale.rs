//! Sizes of sets: the newest during a roll-out, all of them when the deployment is scaled. Pure.
//!
//! Follows pkg/controller/deployment/sync.go: scale, and util/deployment_util.go @ v1.36.

use std::cmp::Reverse;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::model::{
    DESIRED_REPLICAS, MAX_REPLICAS, Observed, Step, annotated, available, is_rolling, max_surge, replicas, size,
    status_of, sum,
};
use super::revision;

/// Returns the size the newest set may have now, given the sizes of all sets (itself included when it exists).
pub fn new_size(deployment: &Deployment, all: &[Arc<ReplicaSet>], current: i32) -> i32 {
    let wanted = replicas(deployment);
    if !is_rolling(deployment) {
        return wanted;
    }
    let (total, most) = (sum(all, size), wanted.saturating_add(max_surge(deployment)));
    if total >= most { current } else { current + (most - total).min(wanted - current) }
}

/// Returns the write that gives `set` a new size, with its event; `None` when nothing differs.
pub fn resize(deployment: &Deployment, set: &ReplicaSet, to: i32) -> Option<Step> {
    let mut next = set.clone();
    let annotated = revision::annotate_sizes(deployment, &mut next);
    let from = size(set);
    if from == to && !annotated {
        return None;
    }
    if let Some(spec) = &mut next.spec {
        spec.replicas = Some(to);
    }
    let direction = if to > from { "up" } else { "down" };
    let event = (from != to).then(|| format!("Scaled {direction} replica set {} from {from} to {to}", set.name_any()));
    Some(Step::Update { set: Box::new(next), event })
}

/// Says whether the deployment was scaled since its sets were last sized.
pub fn is_scaling_event(observed: &Observed) -> bool {
    let active = observed.sets.iter().filter(|set| size(set) > 0);
    let mut desired = active.filter_map(|set| annotated(set, DESIRED_REPLICAS));
    desired.any(|desired| desired != replicas(&observed.deployment))
}

/// Returns the writes that spread the deployment's size over its sets without rolling out.
pub fn scale(observed: &Observed) -> Vec<Step> {
    let deployment = &observed.deployment;
    if let Some(only) = active_or_latest(observed) {
        let wanted = replicas(deployment);
        return if size(&only) == wanted {
            Vec::new()
        } else {
            resize(deployment, &only, wanted).into_iter().collect()
        };
    }
    let old = observed.old_sets();
    if observed.new_set().is_some_and(|set| is_saturated(deployment, set)) {
        let active = old.iter().filter(|set| size(set) > 0);
        return active.filter_map(|set| resize(deployment, set, 0)).collect();
    }
    if is_rolling(deployment) { proportional(observed) } else { Vec::new() }
}

/// Returns the one set with pods, or the newest when none has; `None` when several have.
fn active_or_latest(observed: &Observed) -> Option<Arc<ReplicaSet>> {
    let mut active = observed.sets.iter().filter(|set| size(set) > 0);
    match (active.next(), active.next()) {
        (None, _) => observed.new_set().or(observed.sets.last()).cloned(),
        (Some(only), None) => Some(only.clone()),
        (Some(_), Some(_)) => None,
    }
}

fn is_saturated(deployment: &Deployment, set: &ReplicaSet) -> bool {
    let wanted = replicas(deployment);
    size(set) == wanted && annotated(set, DESIRED_REPLICAS) == Some(wanted) && available(set) == wanted
}

/// Grows or shrinks all active sets by their share, the largest first; it also gets what rounding leaves.
fn proportional(observed: &Observed) -> Vec<Step> {
    let deployment = &observed.deployment;
    let mut active: Vec<_> = observed.sets.iter().enumerate().filter(|(_, set)| size(set) > 0).collect();
    let wanted = replicas(deployment);
    let allowed = if wanted > 0 { wanted.saturating_add(max_surge(deployment)) } else { 0 };
    let to_add = allowed - sum(active.iter().map(|(_, set)| *set), size);
    // Among equals the newer grow first and the older shrink first; sets come oldest first.
    if to_add > 0 {
        active.sort_by_key(|(age, set)| Reverse((size(set), *age)));
    } else {
        active.sort_by_key(|(age, set)| (Reverse(size(set)), *age));
    }
    let mut added = 0;
    let mut sizes: Vec<i32> = Vec::with_capacity(active.len());
    for (_, set) in &active {
        let share = proportion(deployment, set, to_add, added);
        sizes.push(size(set) + share);
        added += share;
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    active.iter().zip(sizes).filter_map(|((_, set), size)| resize(deployment, set, size)).collect()
}

/// Returns a set's share of `to_add` pods, of which `added` are already given away.
fn proportion(deployment: &Deployment, set: &ReplicaSet, to_add: i32, added: i32) -> i32 {
    if to_add == 0 || to_add == added {
        return 0;
    }
    let (fraction, rest) = (fraction(deployment, set), to_add - added);
    if to_add > 0 { fraction.min(rest) } else { fraction.max(rest) }
}

fn fraction(deployment: &Deployment, set: &ReplicaSet) -> i32 {
    if replicas(deployment) == 0 {
        return -size(set);
    }
    let most = replicas(deployment).saturating_add(max_surge(deployment));
    let before = annotated(set, MAX_REPLICAS).filter(|most| *most > 0);
    let before = before.unwrap_or_else(|| status_of(deployment).replicas.unwrap_or_default());
    if before == 0 {
        return 0;
    }
    // Rounded half up, in 64 bits.
    let (product, before) = (i64::from(size(set)) * i64::from(most), i64::from(before));
    let scaled = (2 * product + before) / (2 * before);
    i32::try_from(scaled).unwrap_or(i32::MAX) - size(set)
}
