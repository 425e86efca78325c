//! How a pod ends: the next step, given what is left of it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::backoff::since;
use super::observed::Observed;
use super::spec;

/// What should become of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Run,
    /// It ended by itself or was stopped by the node; its records stay until it is deleted.
    Finished,
    /// It is being deleted; nothing of it may stay, then its API object goes.
    Deleted,
    /// Its API object is gone; nothing of it may stay.
    Gone,
}

/// Decides what should become of a pod that the API has (`gone` false) or no longer has (`gone` true).
pub fn fate(pod: &Pod, gone: bool, ended: bool) -> Fate {
    if gone {
        Fate::Gone
    } else if pod.metadata.deletion_timestamp.is_some() {
        Fate::Deleted
    } else if ended || spec::finished(pod) {
        Fate::Finished
    } else {
        Fate::Run
    }
}

/// The next step of ending a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Stop these containers, all at once, each as (id, name).
    StopContainers(Vec<(String, String)>),
    /// Stop these sandboxes.
    StopSandboxes(Vec<String>),
    /// Take the volumes down.
    Unmount,
    /// Remove containers and sandboxes with these ids, then the pod's directories.
    Remove {
        /// Container ids.
        containers: Vec<String>,
        /// Sandbox ids.
        sandboxes: Vec<String>,
    },
    /// Nothing is left to do.
    Done,
}

/// Plans the next step of ending a pod. Regular and init containers stop first, then sidecars, last one first, so that
/// a sidecar outlives those that came after it.
pub fn next(pod: &Pod, observed: &Observed, fate: Fate, mounted: bool) -> Step {
    let alive: Vec<_> = observed.alive().collect();
    let sidecars: Vec<&str> = spec::init_containers(pod)
        .iter()
        .filter(|init| spec::is_sidecar(init))
        .map(|init| init.name.as_str())
        .collect();
    let (last, first): (Vec<_>, Vec<_>) =
        alive.into_iter().partition(|container| sidecars.contains(&container.name.as_str()));
    if !first.is_empty() {
        return Step::StopContainers(first.iter().map(|c| (c.id.clone(), c.name.clone())).collect());
    }
    for name in sidecars.iter().rev() {
        let of_name: Vec<_> = last.iter().filter(|c| c.name == *name).map(|c| (c.id.clone(), c.name.clone())).collect();
        if !of_name.is_empty() {
            return Step::StopContainers(of_name);
        }
    }
    let ready: Vec<String> = observed.sandboxes.iter().filter(|s| s.ready).map(|s| s.id.clone()).collect();
    if !ready.is_empty() {
        return Step::StopSandboxes(ready);
    }
    if mounted {
        return Step::Unmount;
    }
    if fate == Fate::Finished || (observed.containers.is_empty() && observed.sandboxes.is_empty()) {
        return Step::Done;
    }
    Step::Remove {
        containers: observed.containers.iter().map(|c| c.id.clone()).collect(),
        sandboxes: observed.sandboxes.iter().map(|s| s.id.clone()).collect(),
    }
}

/// What is left of a pod's active deadline: `None` without one, zero once it has passed.
pub fn deadline_left(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let limit = pod.spec.as_ref()?.active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?.0;
    let limit = Duration::from_secs(u64::try_from(limit).unwrap_or(0));
    Some(limit.saturating_sub(since(start, now)))
}

#[cfg(test)]
mod tests;
