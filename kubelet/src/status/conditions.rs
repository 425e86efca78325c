//! Conditions of a pod. Pure. As upstream's `pkg/kubelet/status/generate.go @ v1.36`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::pods::spec;

/// Conditions that the kubelet writes.
const OWNED: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// What conditions are made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The pod, with the status the API has.
    pub pod: &'a Pod,
    /// New statuses of init containers.
    pub init: &'a [ContainerStatus],
    /// New statuses of regular containers.
    pub regular: &'a [ContainerStatus],
    /// New phase.
    pub phase: &'a str,
    /// Why the node ended the pod for its own sake.
    pub evicted: Option<&'a str>,
    /// Why containers do not get the sizes that the API has.
    pub pending: Option<&'a super::Verdict>,
    /// Whether the sandbox is up with its network.
    pub sandbox_ready: bool,
    /// Now.
    pub now: Timestamp,
}

/// Condition of a pod whose containers do not get the sizes that the API has.
pub(super) const RESIZE_PENDING: &str = "PodResizePending";
/// Condition of a pod that ended because somebody had it ended.
const DISRUPTED: &str = "DisruptionTarget";

struct Verdict<'a> {
    truth: bool,
    reason: Option<&'a str>,
    message: Option<String>,
}

impl<'a> Verdict<'a> {
    const TRUE: Self = Self { truth: true, reason: None, message: None };

    fn no(reason: Option<&'a str>, message: String) -> Self {
        Self { truth: false, reason, message: (!message.is_empty()).then_some(message) }
    }
}

/// Makes all conditions: the kubelet's own, and those of others as the API has them. A condition whose status did not
/// change keeps its transition time.
pub fn conditions(inputs: Inputs<'_>) -> Vec<PodCondition> {
    let known = inputs.pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let containers = containers_ready(inputs);
    let ready = ready(inputs, known, &containers);
    let verdicts = [
        ("PodReadyToStartContainers", Verdict { truth: inputs.sandbox_ready, reason: None, message: None }),
        ("Initialized", initialized(inputs)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::TRUE),
    ];
    let disrupted = inputs.evicted.map(|message| {
        let (reason, message) = (Some("TerminationByKubelet"), Some(message.to_owned()));
        (DISRUPTED, Verdict { truth: true, reason, message })
    });
    let pending = inputs.pending.map(|why| {
        let (reason, message) = (Some(why.reason.as_str()), Some(why.message.clone()));
        (RESIZE_PENDING, Verdict { truth: true, reason, message })
    });
    let own =
        |type_: &str| OWNED.contains(&type_) || type_ == RESIZE_PENDING || (type_ == DISRUPTED && disrupted.is_some());
    let others: Vec<_> = known.iter().filter(|condition| !own(&condition.type_)).cloned().collect();
    let made = verdicts
        .into_iter()
        .chain(disrupted)
        .chain(pending)
        .map(|(type_, verdict)| condition(inputs, known, type_, verdict));
    made.chain(others).collect()
}

fn condition(inputs: Inputs<'_>, known: &[PodCondition], type_: &str, verdict: Verdict<'_>) -> PodCondition {
    let status = if verdict.truth { "True" } else { "False" };
    let old = known.iter().find(|condition| condition.type_ == type_ && condition.status == status);
    let since = old.and_then(|condition| condition.last_transition_time.clone());
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.map(ToOwned::to_owned),
        message: verdict.message,
        last_transition_time: Some(since.unwrap_or(Time(inputs.now))),
        observed_generation: inputs.pod.metadata.generation,
        ..PodCondition::default()
    }
}

fn find<'a>(statuses: &'a [ContainerStatus], name: &str) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|status| status.name == name)
}

/// Go's way of showing a list of strings.
fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

fn containers_ready(inputs: Inputs<'_>) -> Verdict<'static> {
    match inputs.phase {
        "Succeeded" => return Verdict::no(Some("PodCompleted"), String::new()),
        "Failed" => return Verdict::no(Some("PodFailed"), String::new()),
        _ => {}
    }
    let sidecars = spec::init_containers(inputs.pod).iter().filter(|container| spec::is_sidecar(container));
    let unready: Vec<&str> = sidecars
        .map(|container| (container, inputs.init))
        .chain(spec::containers(inputs.pod).iter().map(|container| (container, inputs.regular)))
        .filter(|(container, statuses)| !find(statuses, &container.name).is_some_and(|status| status.ready))
        .map(|(container, _)| container.name.as_str())
        .collect();
    if unready.is_empty() {
        return Verdict::TRUE;
    }
    Verdict::no(Some("ContainersNotReady"), format!("containers with unready status: {}", list(&unready)))
}

fn ready<'a>(inputs: Inputs<'_>, known: &[PodCondition], containers: &Verdict<'a>) -> Verdict<'a> {
    if !containers.truth {
        return Verdict { truth: false, reason: containers.reason, message: containers.message.clone() };
    }
    let gates = inputs.pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_deref()).unwrap_or_default();
    let mut messages = Vec::new();
    for gate in gates {
        let name = &gate.condition_type;
        match known.iter().find(|condition| condition.type_ == *name) {
            None => messages.push(format!("corresponding condition of pod readiness gate {name:?} does not exist.")),
            Some(condition) if condition.status != "True" => messages
                .push(format!("the status of pod readiness gate {name:?} is not \"True\", but {}", condition.status)),
            Some(_) => {}
        }
    }
    if messages.is_empty() {
        return Verdict::TRUE;
    }
    Verdict::no(Some("ReadinessGatesNotReady"), messages.join(", "))
}

fn initialized(inputs: Inputs<'_>) -> Verdict<'static> {
    if inputs.phase == "Succeeded" {
        return Verdict { truth: true, reason: Some("PodCompleted"), message: None };
    }
    let began = |status: &ContainerStatus| {
        let running = status.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
        let before = status.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
        (running || before) && status.container_id.is_some()
    };
    if inputs.regular.iter().any(began) {
        return Verdict::TRUE;
    }
    let incomplete: Vec<&str> = spec::init_containers(inputs.pod)
        .iter()
        .filter(|container| {
            !find(inputs.init, &container.name).is_some_and(|status| {
                if spec::is_sidecar(container) { status.started == Some(true) } else { status.ready }
            })
        })
        .map(|container| container.name.as_str())
        .collect();
    if incomplete.is_empty() {
        return Verdict::TRUE;
    }
    let message = format!("containers with incomplete status: {}", list(&incomplete));
    Verdict::no(Some("ContainersNotInitialized"), message)
}
