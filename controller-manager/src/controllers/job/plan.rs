//! What a job does next: pods to create and delete, and the status that follows. Pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::model::{Observed, condition, make, set, uncounted};
use super::per_index::{self, Next};
use super::policy::{Meaning, meaning};
use super::track::{Tracking, note};
use super::verdict::{SUCCESS_MET, until_deadline, verdict};
use crate::controllers::shared::counts::{number, positive, wanted};
use crate::controllers::shared::pods;

/// The most pods created, or deleted, in one reconcile.
pub const BURST: usize = 500;

/// A pod to create.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct New {
    /// Its completion index.
    pub index: Option<i32>,
    /// What it is told of earlier failures of that index, where they are limited.
    pub failed: Option<Next>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Create these pods.
    pub create: Vec<New>,
    /// Delete these pods.
    pub delete: Vec<Arc<Pod>>,
    /// Whether the deleted pods give up their finalizers at once, because they do not count.
    pub uncounted: bool,
    /// What to count.
    pub tracking: Tracking,
    /// The interim condition with which the job ends.
    pub over: Option<JobCondition>,
    /// `Suspended` or `Resumed`, if it was just now.
    pub told: Option<(&'static str, &'static str)>,
    /// When to look again.
    pub again: Option<Duration>,
}

/// Plans the next step of a job that is not finished.
pub fn plan(observed: &Observed) -> Plan {
    let mut status = observed.status();
    if status.start_time.is_none() && !observed.is_suspended() {
        status.start_time = Some(Time(observed.now));
    }
    let (succeeded, failed) = totals(observed);
    let mut over = verdict(observed, failed);
    let mut step = Step { delete: Vec::new(), create: Vec::new(), uncounted: false, again: until_deadline(observed) };
    let mut told = None;
    if over.is_some() {
        step.delete = observed.active();
        if !observed.caught_up {
            // There may be pods that the cache does not show.
            over = None;
        }
    } else {
        let managed = observed.caught_up && observed.job.metadata.deletion_timestamp.is_none();
        if managed {
            manage(observed, succeeded, &mut step);
        }
        let active = observed.active().len() + step.create.len() - step.delete.len();
        let complete = match observed.spec().completions {
            None => succeeded > 0 && active == 0,
            Some(completions) => succeeded >= completions && active == 0,
        };
        if complete {
            over = Some(make(
                SUCCESS_MET,
                "True",
                "CompletionsReached",
                "Reached expected number of succeeded pods",
                observed.now,
            ));
        } else if managed {
            told = suspension(observed, &mut status);
        }
    }
    describe(observed, &step, &mut status);
    if let Some(over) = &over
        && condition(&status, &over.type_).is_none()
    {
        set(&mut status, over.clone());
    }
    let tracking = note(observed, status, over.as_ref());
    let Step { delete, create, uncounted, again } = step;
    Plan { create, delete, uncounted, tracking, over, told, again }
}

struct Step {
    delete: Vec<Arc<Pod>>,
    create: Vec<New>,
    uncounted: bool,
    again: Option<Duration>,
}

/// Returns how many pods have succeeded and failed in all, counted or not.
fn totals(observed: &Observed) -> (i32, i32) {
    let status = observed.status();
    let (good, bad) = uncounted(&status);
    let (new_good, new_bad) = ended(observed);
    let counts = |pod: &&Arc<Pod>| meaning(observed.spec().pod_failure_policy.as_ref(), pod) != Meaning::Ignore;
    let new_bad = new_bad.iter().filter(counts).count();
    let sum = |counted: Option<i32>, more: usize| counted.unwrap_or_default().saturating_add(number(more));
    let succeeded = if observed.is_indexed() {
        number(observed.succeeded_indexes().len())
    } else {
        sum(status.succeeded, good.len() + new_good.len())
    };
    (succeeded, sum(status.failed, bad.len() + new_bad))
}

/// Returns the pods that have ended and that no status has noted: succeeded, failed.
pub fn ended(observed: &Observed) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let (good, bad) = uncounted(&observed.status());
    let succeeded = observed.unnoted(&good, |pod| pods::phase(pod) == "Succeeded");
    (succeeded, observed.unnoted(&bad, |pod| observed.is_failed(pod)))
}

/// Brings the number of pods that run to what is wanted.
fn manage(observed: &Observed, succeeded: i32, step: &mut Step) {
    let active = observed.active();
    step.uncounted = true;
    if observed.is_suspended() {
        step.delete = active;
        return;
    }
    let spec = observed.spec();
    let parallelism = wanted(spec.parallelism.unwrap_or(1));
    let target = match spec.completions {
        None if succeeded > 0 => active.len(),
        None => parallelism,
        Some(completions) => {
            let failed = number(per_index::failed(observed).len());
            wanted(completions.saturating_sub(succeeded).saturating_sub(failed)).min(parallelism)
        }
    };
    step.delete = surplus(observed, &active, active.len().saturating_sub(target));
    step.delete.truncate(BURST);
    if !step.delete.is_empty() {
        return;
    }
    let terminating = if observed.replaces_failed_only() { observed.terminating() } else { 0 };
    let missing = target.saturating_sub(terminating).saturating_sub(active.len()).min(BURST);
    if missing == 0 {
        return;
    }
    if !observed.wait.is_zero() && spec.backoff_limit_per_index.is_none() {
        sooner(&mut step.again, observed.wait);
    } else if observed.is_indexed() {
        step.create = of_indexes(observed, missing, &mut step.again);
    } else {
        step.create = vec![New::default(); missing];
    }
}

/// Returns pods for the lowest indexes that are open and need not wait.
fn of_indexes(observed: &Observed, missing: usize, again: &mut Option<Duration>) -> Vec<New> {
    let (done, failed) = (observed.succeeded_indexes(), per_index::failed(observed));
    let held: BTreeSet<i32> = occupying(observed).iter().filter_map(|pod| observed.index(pod)).collect();
    let all = 0..observed.spec().completions.unwrap_or_default();
    let open = all.filter(|index| !done.contains(index) && !failed.contains(index) && !held.contains(index));
    let mut ready = Vec::new();
    for index in open {
        let failed = per_index::next(observed, index);
        match failed.map(|next| next.wait).filter(|wait| !wait.is_zero()) {
            Some(wait) => sooner(again, wait),
            None => ready.push(New { index: Some(index), failed }),
        }
        if ready.len() >= missing {
            break;
        }
    }
    ready
}

fn sooner(again: &mut Option<Duration>, wait: Duration) {
    *again = Some(again.map_or(wait, |again| again.min(wait)));
}

/// Returns the pods that hold their completion index.
fn occupying(observed: &Observed) -> Vec<Arc<Pod>> {
    let holds = |pod: &&Arc<Pod>| pods::is_active(pod) || (observed.replaces_failed_only() && !pods::is_terminal(pod));
    observed.pods.iter().filter(holds).cloned().collect()
}

/// Returns pods to delete: all with an index that is taken or wrong, then the least advanced, at least `least`.
fn surplus(observed: &Observed, active: &[Arc<Pod>], least: usize) -> Vec<Arc<Pod>> {
    let rank = |pod: &Arc<Pod>| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let running = pods::phase(pod) == "Running";
        (pods::node_name(pod).is_some(), running, pods::is_ready(pod), Reverse(created), pod.name_any())
    };
    let mut sorted = active.to_vec();
    sorted.sort_by_cached_key(rank);
    let (mut surplus, mut left) = (Vec::new(), sorted);
    if observed.is_indexed() {
        let mut taken = BTreeSet::new();
        let (keep, extra): (Vec<_>, Vec<_>) =
            left.into_iter().rev().partition(|pod| observed.index(pod).is_some_and(|index| taken.insert(index)));
        surplus = extra;
        left = keep.into_iter().rev().collect();
    }
    let more = least.saturating_sub(surplus.len());
    surplus.extend(left.into_iter().take(more));
    surplus
}

/// Keeps the condition `Suspended`; resuming starts the clock anew.
fn suspension(observed: &Observed, status: &mut JobStatus) -> Option<(&'static str, &'static str)> {
    if observed.is_suspended() {
        let suspended = make("Suspended", "True", "JobSuspended", "Job suspended", observed.now);
        return set(status, suspended).then_some(("Suspended", "Job suspended"));
    }
    let resumed = make("Suspended", "False", "JobResumed", "Job resumed", observed.now);
    if !set(status, resumed) {
        return None;
    }
    status.start_time = Some(Time(observed.now));
    Some(("Resumed", "Job resumed"))
}

/// Puts the numbers of pods into the status, as they are when the step is done.
fn describe(observed: &Observed, step: &Step, status: &mut JobStatus) {
    let active = observed.active();
    let ready = |pods: &[Arc<Pod>]| pods.iter().filter(|pod| pods::is_ready(pod)).count();
    status.active = positive((active.len() + step.create.len()).saturating_sub(step.delete.len()));
    status.ready = Some(number(ready(&active).saturating_sub(ready(&step.delete))));
    status.terminating = Some(number(observed.terminating() + step.delete.len()));
}
