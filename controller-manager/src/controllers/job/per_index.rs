//! Jobs that limit the failures of each index by itself. Pure.
//!
//! How often an index has failed stands on its next pod, so the last failed pod keeps its finalizer until that is made.
//! Follows pkg/controller/job/indexed_job_utils.go and backoff_utils.go @ v1.36.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::core::v1::Pod;

use super::backoff::Record;
use super::indexes;
use super::model::{FAILURES, IGNORED, Observed, uid};
use super::policy::{Meaning, meaning};

/// What the next pod of an index is told and how long it waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Next {
    /// How many failures of the index count.
    pub failures: i32,
    /// How many do not.
    pub ignored: i32,
    /// How long it is not to be made.
    pub wait: Duration,
}

/// Returns the indexes that have failed for good: those the status names and those of pods that failed since.
pub fn failed(observed: &Observed) -> BTreeSet<i32> {
    let Some(limit) = observed.spec().backoff_limit_per_index else { return BTreeSet::new() };
    let status = observed.status();
    let noted = status.failed_indexes.as_deref().unwrap_or_default();
    let mut failed = indexes::parse(noted, observed.spec().completions.unwrap_or_default());
    let over = |pod: &&Arc<Pod>| match rule(observed, pod) {
        Meaning::FailIndex => true,
        Meaning::Ignore => false,
        Meaning::Count | Meaning::Fail(_) => number(pod, FAILURES) >= limit,
    };
    failed.extend(broken(observed).filter(over).filter_map(|pod| observed.index(pod)));
    failed
}

/// Returns what the next pod of an index is told; `None` when failures are not limited by index.
pub fn next(observed: &Observed, index: i32) -> Option<Next> {
    observed.spec().backoff_limit_per_index?;
    let Some(last) = last(observed, index) else { return Some(Next::default()) };
    let ignored = rule(observed, &last) == Meaning::Ignore;
    let (failures, others) = (number(&last, FAILURES), number(&last, IGNORED));
    Some(Next {
        failures: failures.saturating_add(i32::from(!ignored)),
        ignored: others.saturating_add(i32::from(ignored)),
        wait: Record::of(attempts(&last).saturating_add(1), &last, observed.now).wait(observed.now),
    })
}

/// Returns the uids of the failed pods that keep their finalizers until the next pod of their index is there.
pub fn waiting(observed: &Observed) -> BTreeSet<String> {
    if observed.spec().backoff_limit_per_index.is_none() {
        return BTreeSet::new();
    }
    let (failed, succeeded) = (failed(observed), observed.succeeded_indexes());
    let indexes: BTreeSet<i32> = broken(observed).filter_map(|pod| observed.index(pod)).collect();
    let open = indexes.into_iter().filter(|index| !failed.contains(index) && !succeeded.contains(index));
    let replaced = |pod: &Pod, index: i32| {
        observed.pods.iter().any(|other| observed.index(other) == Some(index) && attempts(other) > attempts(pod))
    };
    open.filter_map(|index| last(observed, index).filter(|pod| !replaced(pod, index))).map(|pod| uid(&pod)).collect()
}

fn broken(observed: &Observed) -> impl Iterator<Item = &Arc<Pod>> {
    observed.pods.iter().filter(|pod| observed.is_tracked(pod) && observed.is_failed(pod))
}

fn last(observed: &Observed, index: i32) -> Option<Arc<Pod>> {
    broken(observed).filter(|pod| observed.index(pod) == Some(index)).max_by_key(|pod| attempts(pod)).cloned()
}

fn rule(observed: &Observed, pod: &Pod) -> Meaning {
    meaning(observed.spec().pod_failure_policy.as_ref(), pod)
}

/// Returns how often the index of a pod had failed before it, whether that counts or not.
fn attempts(pod: &Pod) -> i32 {
    number(pod, FAILURES).saturating_add(number(pod, IGNORED))
}

fn number(pod: &Pod, annotation: &str) -> i32 {
    pod.annotations().get(annotation).and_then(|text| text.parse().ok()).unwrap_or_default()
}
