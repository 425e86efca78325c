//! Stops containers gracefully: preStop hook, stop signal, kill.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;

use super::deps::Deps;
use super::{hooks, spec};
use crate::cri::Error;

/// Least time that a container gets between its stop signal and its kill.
const LEAST: Duration = Duration::from_secs(2);

/// A container to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// CRI id.
    pub id: String,
    /// Name in the spec.
    pub name: String,
    /// Message of the Killing event; none when it was recorded before.
    pub message: Option<String>,
    /// Time for the hook and the stop signal together.
    pub grace: Duration,
}

/// Stops a container and returns when it has ended. The preStop hook and the container share the grace period. A
/// container that is not there is success.
///
/// # Errors
/// When the runtime could not stop it.
pub async fn stop(deps: &Deps, pod: &Pod, target: &Target, address: &str) -> Result<(), Error> {
    if let Some(message) = &target.message {
        deps.events.container(pod, &target.name, "Killing", message);
    }
    let began = Instant::now();
    pre_stop(deps, pod, target, address).await;
    let left = target.grace.saturating_sub(began.elapsed()).max(LEAST);
    match deps.runtime.stop_container(&target.id, left).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

async fn pre_stop(deps: &Deps, pod: &Pod, target: &Target, address: &str) {
    let container = spec::container(pod, &target.name);
    let hook = container.and_then(|container| container.lifecycle.as_ref()).and_then(|l| l.pre_stop.as_ref());
    let (Some(container), Some(hook)) = (container, hook) else { return };
    if target.grace.is_zero() {
        return;
    }
    let run = hooks::run(&deps.runtime, hook, container, &target.id, address);
    match tokio::time::timeout(target.grace, run).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::info!(pod = spec::name(pod), container = target.name, %error, "preStop hook failed");
            deps.events.container_warning(pod, &target.name, "FailedPreStopHook", "PreStopHook failed");
        }
        Err(_) => {
            tracing::info!(pod = spec::name(pod), container = target.name, "preStop hook outlived the grace period");
        }
    }
}

/// Seconds of the API as a duration.
pub fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}
