//! The phase of a pod. Pure. As upstream's `pkg/kubelet: getPhase @ v1.36`.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::containers::Life;
use crate::pods::spec;

fn find<'a>(statuses: &'a [ContainerStatus], name: &str) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|status| status.name == name)
}

enum Stage {
    Waiting,
    Running,
    Stopped { exit_code: i32 },
}

fn stage(status: Option<&ContainerStatus>) -> Stage {
    let state = status.and_then(|status| status.state.as_ref());
    if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
        return Stage::Stopped { exit_code: ended.exit_code };
    }
    if state.is_some_and(|state| state.running.is_some()) {
        return Stage::Running;
    }
    let last = status.and_then(|status| status.last_state.as_ref()).and_then(|state| state.terminated.as_ref());
    match last {
        Some(ended) => Stage::Stopped { exit_code: ended.exit_code },
        None => Stage::Waiting,
    }
}

/// Whether init containers let regular ones run: `Ok(true)` they do, `Ok(false)` not yet, `Err` one failed for good.
fn initialized(pod: &Pod, init: &[ContainerStatus]) -> Result<bool, ()> {
    let mut done = true;
    for container in spec::init_containers(pod) {
        let status = find(init, &container.name);
        if spec::is_sidecar(container) {
            let waits = matches!(stage(status), Stage::Waiting);
            let starting = matches!(stage(status), Stage::Running) && status.and_then(|s| s.started) != Some(true);
            done &= !waits && !starting;
            continue;
        }
        match stage(status) {
            Stage::Stopped { exit_code: 0 } => {}
            Stage::Stopped { exit_code } => {
                if !spec::restarts(pod, container, exit_code) {
                    return Err(());
                }
                done = false;
            }
            Stage::Waiting | Stage::Running => done = false,
        }
    }
    Ok(done)
}

/// Whether any sidecar has not ended.
fn sidecars_run(pod: &Pod, init: &[ContainerStatus]) -> bool {
    spec::init_containers(pod).iter().filter(|container| spec::is_sidecar(container)).any(|container| {
        let state = find(init, &container.name).and_then(|status| status.state.as_ref());
        state.is_none_or(|state| state.terminated.is_none())
    })
}

/// Computes the phase from container statuses.
pub fn phase(pod: &Pod, init: &[ContainerStatus], regular: &[ContainerStatus], life: Life) -> &'static str {
    let began = regular.iter().any(|status| !matches!(stage(Some(status)), Stage::Waiting));
    match initialized(pod, init) {
        Err(()) => return "Failed",
        Ok(false) if !began => return if life == Life::Over { "Failed" } else { "Pending" },
        Ok(_) => {}
    }
    let (mut waiting, mut running, mut failed, mut restarting) = (0, 0, 0, 0);
    for container in spec::containers(pod) {
        match stage(find(regular, &container.name)) {
            Stage::Waiting => waiting += 1,
            Stage::Running => running += 1,
            Stage::Stopped { exit_code } => {
                failed += i32::from(exit_code != 0);
                restarting += i32::from(spec::restarts(pod, container, exit_code));
            }
        }
    }
    if waiting > 0 {
        return if life == Life::Over { "Failed" } else { "Pending" };
    }
    if running > 0 {
        return "Running";
    }
    if life == Life::Active && restarting > 0 {
        return "Running";
    }
    if failed > 0 {
        return "Failed";
    }
    if life == Life::Active && sidecars_run(pod, init) {
        return "Running";
    }
    "Succeeded"
}
