//! Container statuses. Pure.
//!
//! As upstream's `pkg/kubelet: convertToAPIContainerStatuses @ v1.36`.

use std::borrow::Cow;
use std::collections::HashMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    Pod, ResourceRequirements, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::pods::observed::{self, Observed, State};
use crate::pods::{sizes, spec};
use crate::probes::Verdicts;

/// Why a container is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// CamelCase word: CrashLoopBackOff, ErrImagePull …
    pub reason: String,
    /// Explanation.
    pub message: String,
}

/// Reasons by container name.
pub type Reasons = HashMap<String, Reason>;

/// Whether containers of the pod may still run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// They may.
    Active,
    /// All have ended for good.
    Over,
}

/// What container statuses are made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The pod, with the status the API has.
    pub pod: &'a Pod,
    /// What the runtime has.
    pub observed: &'a Observed,
    /// Why containers wait.
    pub reasons: &'a Reasons,
    /// Results of probes.
    pub verdicts: &'a Verdicts,
    /// Prefix of container ids, such as `containerd`.
    pub runtime: &'a str,
    /// Sizes of containers that were changed.
    pub sizes: &'a sizes::Applied,
    /// Whether containers may still run.
    pub life: Life,
}

/// Which of the pod's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Init containers, in the order of the spec.
    Init,
    /// Regular containers, by name.
    Regular,
    /// Ephemeral containers, in the order of the spec.
    Ephemeral,
}

/// Makes the statuses of one list of containers.
pub fn statuses(inputs: Inputs<'_>, which: Which) -> Vec<ContainerStatus> {
    let containers: Cow<'_, [Container]> = match which {
        Which::Init => spec::init_containers(inputs.pod).into(),
        Which::Regular => spec::containers(inputs.pod).into(),
        Which::Ephemeral => spec::ephemeral(inputs.pod).iter().map(spec::as_container).collect(),
    };
    let mut out: Vec<ContainerStatus> = containers.iter().map(|container| status(inputs, container, which)).collect();
    if which == Which::Regular {
        out.sort_by(|a, b| a.name.cmp(&b.name));
    }
    out
}

/// Finds the status of a container that the API has.
fn known<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|status| status.name == name)
}

fn status(inputs: Inputs<'_>, container: &Container, which: Which) -> ContainerStatus {
    let known = known(inputs.pod, &container.name);
    let mut instances = inputs.observed.instances(&container.name);
    let mut status = match instances.next() {
        Some(newest) => {
            let mut status = of_instance(inputs, container, newest, known);
            if let Some(previous) = instances.find(|instance| instance.state == State::Exited) {
                status.last_state = Some(terminated(inputs, previous));
            } else if newest.restart_count > 0 {
                status.last_state = known.and_then(|known| kept_last_state(known, &status));
            }
            status
        }
        None => unseen(inputs, container, known),
    };
    waiting(inputs, container, &mut status);
    readiness(inputs, container, which, known, &mut status);
    mounts(container, &mut status);
    status
}

/// The last state that the API has, while the instance before the newest is not known to the runtime any more.
fn kept_last_state(known: &ContainerStatus, status: &ContainerStatus) -> Option<ContainerState> {
    if known.container_id == status.container_id {
        return known.last_state.clone();
    }
    known.state.clone().filter(|state| state.terminated.is_some()).or_else(|| known.last_state.clone())
}

fn bare(container: &Container) -> ContainerStatus {
    ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        started: Some(false),
        ..ContainerStatus::default()
    }
}

fn waiting_state(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

/// Word of a container that has no instance yet and no other reason to wait.
fn default_reason(pod: &Pod) -> &'static str {
    if spec::init_containers(pod).is_empty() { "ContainerCreating" } else { "PodInitializing" }
}

/// Status of a container that the runtime has no instance of.
fn unseen(inputs: Inputs<'_>, container: &Container, known: Option<&ContainerStatus>) -> ContainerStatus {
    let mut status = bare(container);
    status.state = Some(waiting_state(default_reason(inputs.pod), None));
    let Some(known) = known else { return status };
    let state = known.state.as_ref();
    if state.is_some_and(|state| state.terminated.is_some()) {
        return ContainerStatus { ready: false, started: Some(false), ..known.clone() };
    }
    status.restart_count = known.restart_count;
    status.last_state.clone_from(&known.last_state);
    if inputs.life == Life::Active && state.is_some_and(|state| state.running.is_some()) {
        // It ran and is gone without a trace, as after a reboot: it counts as failed and restarted.
        let message = "The container could not be located when the pod was deleted.  The container used to be Running";
        status.last_state = Some(unknown_state(message));
        if inputs.pod.metadata.deletion_timestamp.is_none() {
            status.restart_count = known.restart_count.saturating_add(1);
        }
    }
    status
}

fn unknown_state(message: &str) -> ContainerState {
    let terminated = ContainerStateTerminated {
        exit_code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some(message.to_owned()),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

/// What upstream says of a container that has no record of its end.
const LOST: &str = "The container could not be located when the pod was terminated";

/// Counts containers of a pod that is over as failed where nothing is known of their end, so that the pod does not pass
/// for one that succeeded: regular containers once the pod got so far as to start them, init containers up to the last
/// one that ever ran (`pkg/kubelet/status: TerminatePod @ v1.36`).
pub fn close(pod: &Pod, init: &mut [ContainerStatus], regular: &mut [ContainerStatus]) {
    let known = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let initialized = spec::init_containers(pod).is_empty()
        || known.iter().chain(regular.iter()).any(has_run)
        || init.last().is_some_and(|last| {
            let states = [&last.state, &last.last_state].into_iter().flatten();
            states.filter_map(|state| state.terminated.as_ref()).any(|end| end.exit_code == 0)
        });
    let tried = init.iter().rposition(has_run).map_or(1, |last| last + 1);
    let regular = regular.iter_mut().filter(|_| initialized);
    for status in init.iter_mut().take(tried).chain(regular) {
        if status.state.as_ref().is_none_or(|state| state.terminated.is_none()) {
            status.state = Some(unknown_state(LOST));
            (status.ready, status.started) = (false, status.started.map(|_| false));
        }
    }
}

/// Whether a container ever left its waiting state.
fn has_run(status: &ContainerStatus) -> bool {
    let ended = |state: &ContainerState| state.terminated.is_some();
    status.last_state.as_ref().is_some_and(ended) || status.state.as_ref().is_some_and(|state| state.waiting.is_none())
}

fn id(inputs: Inputs<'_>, instance: &observed::Container) -> String {
    format!("{}://{}", inputs.runtime, instance.id)
}

fn of_instance(
    inputs: Inputs<'_>,
    container: &Container,
    instance: &observed::Container,
    known: Option<&ContainerStatus>,
) -> ContainerStatus {
    let mut status = bare(container);
    status.restart_count = i32::try_from(instance.restart_count).unwrap_or(i32::MAX);
    status.container_id = Some(id(inputs, instance));
    status.image.clone_from(&instance.image);
    status.image_id.clone_from(&instance.image_id);
    let size = sizes::current(inputs.sizes, instance).cloned();
    let size = size.unwrap_or_else(|| sizes::of(container.resources.as_ref()));
    status.allocated_resources = size.requests.clone();
    status.state = Some(match instance.state {
        State::Running => {
            let started_at = instance.started_at.map(Time);
            status.resources = Some(actual(inputs, container, instance));
            ContainerState { running: Some(ContainerStateRunning { started_at }), ..ContainerState::default() }
        }
        State::Exited => terminated(inputs, instance),
        State::Unknown if known.and_then(|k| k.state.as_ref()).is_some_and(|state| state.running.is_some()) => {
            status.restart_count = status.restart_count.saturating_add(1);
            unknown_state(LOST)
        }
        State::Created | State::Unknown => {
            status.container_id = None;
            waiting_state(default_reason(inputs.pod), None)
        }
    });
    status
}

/// What a running instance has: what its spec says, in the sizes that it has now.
fn actual(inputs: Inputs<'_>, container: &Container, instance: &observed::Container) -> ResourceRequirements {
    let mut own = container.resources.clone().unwrap_or_default();
    if let Some(size) = sizes::current(inputs.sizes, instance) {
        for (list, sizes) in [(&mut own.limits, &size.limits), (&mut own.requests, &size.requests)] {
            let sizes = sizes.iter().flatten().map(|(name, quantity)| (name.clone(), quantity.clone()));
            list.get_or_insert_default().extend(sizes);
        }
    }
    own.limits = own.limits.filter(|list| !list.is_empty());
    own.requests = own.requests.filter(|list| !list.is_empty());
    own
}

fn terminated(inputs: Inputs<'_>, instance: &observed::Container) -> ContainerState {
    let terminated = ContainerStateTerminated {
        exit_code: instance.exit_code,
        reason: (!instance.reason.is_empty()).then(|| instance.reason.clone()),
        message: (!instance.message.is_empty()).then(|| instance.message.clone()),
        started_at: instance.started_at.map(Time),
        finished_at: instance.finished_at.map(Time),
        container_id: Some(id(inputs, instance)),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

/// Turns a container that ended, or never started, into one that waits when it will be started and is held back.
fn waiting(inputs: Inputs<'_>, container: &Container, status: &mut ContainerStatus) {
    if inputs.life == Life::Over || inputs.pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let Some(reason) = inputs.reasons.get(&container.name) else { return };
    match inputs.observed.latest(&container.name) {
        Some(last) if last.state == State::Running => return,
        Some(last) if last.state == State::Exited && !spec::restarts(inputs.pod, container, last.exit_code) => return,
        _ => {}
    }
    if let Some(state) = status.state.take_if(|state| state.terminated.is_some()) {
        status.last_state = Some(state);
    }
    let message = (!reason.message.is_empty()).then(|| reason.message.clone());
    status.state = Some(waiting_state(&reason.reason, message));
}

/// Fills `started` and `ready` from the results of probes. A container that the API shows as ready and that has no
/// result yet (the kubelet was restarted) stays so until there is one.
fn readiness(
    inputs: Inputs<'_>,
    container: &Container,
    which: Which,
    known: Option<&ContainerStatus>,
    status: &mut ContainerStatus,
) {
    let state = status.state.as_ref();
    if which == Which::Ephemeral {
        (status.started, status.ready) = (None, false);
        return;
    }
    if which == Which::Init && !spec::is_sidecar(container) {
        let ended = state.and_then(|state| state.terminated.as_ref());
        status.ready = ended.is_some_and(|ended| ended.exit_code == 0);
        status.started = Some(state.is_some_and(|state| state.running.is_some()));
        return;
    }
    if state.is_none_or(|state| state.running.is_none()) {
        status.started = Some(false);
        status.ready = false;
        return;
    }
    let same = known.filter(|known| known.container_id == status.container_id);
    let instance = inputs.observed.latest(&container.name).map(|last| last.id.as_str()).unwrap_or_default();
    let verdict = inputs.verdicts.get(instance).copied().unwrap_or_default();
    let started = container.startup_probe.is_none()
        || verdict.startup.unwrap_or_else(|| same.is_some_and(|known| known.started == Some(true)));
    let ready = started
        && (container.readiness_probe.is_none()
            || verdict.readiness.unwrap_or_else(|| same.is_some_and(|known| known.ready)));
    status.started = Some(started);
    status.ready = ready;
}

fn mounts(container: &Container, status: &mut ContainerStatus) {
    let mounts: Vec<VolumeMountStatus> = container
        .volume_mounts
        .iter()
        .flatten()
        .map(|mount| VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: mount.read_only,
            recursive_read_only: mount.read_only.filter(|on| *on).map(|_| "Disabled".to_owned()),
            ..VolumeMountStatus::default()
        })
        .collect();
    status.volume_mounts = (!mounts.is_empty()).then_some(mounts);
}
