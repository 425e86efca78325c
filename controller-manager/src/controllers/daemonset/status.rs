//! The status that follows from nodes and pods. Pure.

use k8s_openapi::api::apps::v1::DaemonSetStatus;

use super::node::{Eligibility, is_updated};
use super::plan::{Observed, min_ready_seconds};
use crate::controllers::shared::counts::{number, positive};
use crate::controllers::shared::pods;

/// Computes the status; `observed_generation` says up to where the set was acted upon.
pub fn status(observed: &Observed, observed_generation: Option<i64>, collisions: Option<i32>) -> DaemonSetStatus {
    let (mut desired, mut current, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0);
    for (_, pods) in observed.wanted() {
        desired += 1;
        let Some(pod) = pods.first() else { continue };
        current += 1;
        ready += usize::from(pods::is_ready(pod));
        available += usize::from(pods::is_available(pod, min_ready_seconds(&observed.set), observed.now));
        updated += usize::from(is_updated(&observed.set, pod, &observed.hash));
    }
    let elsewhere = observed.nodes.iter().filter(|(_, found)| **found != Eligibility::Run);
    let misscheduled = elsewhere.filter(|(node, _)| observed.pods.contains_key(*node)).count();
    DaemonSetStatus {
        desired_number_scheduled: number(desired),
        current_number_scheduled: number(current),
        number_misscheduled: number(misscheduled),
        number_ready: number(ready),
        number_available: positive(available),
        number_unavailable: positive(desired.saturating_sub(available)),
        updated_number_scheduled: positive(updated),
        observed_generation,
        collision_count: collisions,
        conditions: observed.set.status.as_ref().and_then(|status| status.conditions.clone()),
    }
}
