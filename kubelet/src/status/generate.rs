//! The whole status of a pod. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::containers::{self, Life, Reasons, Which};
use super::{conditions, phase};
use crate::eviction;
use crate::pods::observed::{Observed, State};
use crate::pods::{sizes, spec};
use crate::probes::Verdicts;
use crate::resources;

/// A phase that the node gave the pod whatever its containers do, as after its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// CamelCase word, such as DeadlineExceeded.
    pub reason: String,
    /// Explanation.
    pub message: String,
}

/// What a status is made from.
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
    /// Prefix of container ids.
    pub runtime: &'a str,
    /// Addresses of the node.
    pub host_ips: &'a [String],
    /// Whether the sandbox can take containers.
    pub sandbox_ready: bool,
    /// Whether containers may still run.
    pub life: Life,
    /// The node failed the pod.
    pub failed: Option<&'a Verdict>,
    /// Sizes of containers that were changed.
    pub sizes: &'a sizes::Applied,
    /// Why containers do not get the sizes that the API has: Deferred or Infeasible.
    pub pending: Option<&'a Verdict>,
    /// Now.
    pub now: Timestamp,
}

/// Makes the status of a pod. A final phase that the API has stays.
pub fn generate(inputs: Inputs<'_>) -> PodStatus {
    let pod = inputs.pod;
    let known = pod.status.clone().unwrap_or_default();
    let of = containers::Inputs {
        pod,
        observed: inputs.observed,
        reasons: inputs.reasons,
        verdicts: inputs.verdicts,
        runtime: inputs.runtime,
        sizes: inputs.sizes,
        life: inputs.life,
    };
    let mut init = containers::statuses(of, Which::Init);
    let mut regular = containers::statuses(of, Which::Regular);
    if inputs.life == Life::Over {
        containers::close(pod, &mut init, &mut regular);
    }
    let ephemeral = containers::statuses(of, Which::Ephemeral);
    let (phase, reason, message) = verdict(inputs, &known, phase::phase(pod, &init, &regular, inputs.life));
    let conditions = conditions::conditions(conditions::Inputs {
        pod,
        init: &init,
        regular: &regular,
        phase: &phase,
        evicted: inputs.failed.filter(|why| why.reason == eviction::REASON).map(|why| why.message.as_str()),
        pending: inputs.pending,
        sandbox_ready: inputs.sandbox_ready,
        now: inputs.now,
    });
    let ips = pod_ips(inputs, &known);
    PodStatus {
        phase: Some(phase),
        reason,
        message,
        conditions: Some(conditions),
        container_statuses: Some(regular),
        init_container_statuses: (!init.is_empty()).then_some(init),
        ephemeral_container_statuses: (!ephemeral.is_empty()).then_some(ephemeral),
        host_ip: inputs.host_ips.first().cloned(),
        host_ips: Some(inputs.host_ips.iter().map(|ip| HostIP { ip: ip.clone() }).collect()),
        pod_ip: ips.first().cloned(),
        pod_ips: (!ips.is_empty()).then(|| ips.into_iter().map(|ip| PodIP { ip }).collect()),
        qos_class: Some(known.qos_class.clone().unwrap_or_else(|| resources::qos_class(pod).to_owned())),
        start_time: Some(known.start_time.clone().unwrap_or(Time(inputs.now))),
        observed_generation: pod.metadata.generation,
        ..known
    }
}

/// Makes the status of a pod that the node does not take (`pkg/kubelet: rejectPod @ v1.36`).
pub fn rejected(pod: &Pod, why: &Verdict, now: Timestamp) -> PodStatus {
    let known = pod.status.clone().unwrap_or_default();
    PodStatus {
        phase: Some("Failed".to_owned()),
        reason: Some(why.reason.clone()),
        message: Some(format!("Pod was rejected: {}", why.message)),
        qos_class: Some(known.qos_class.clone().unwrap_or_else(|| resources::qos_class(pod).to_owned())),
        start_time: Some(known.start_time.clone().unwrap_or(Time(now))),
        observed_generation: pod.metadata.generation,
        ..known
    }
}

fn verdict(inputs: Inputs<'_>, known: &PodStatus, computed: &str) -> (String, Option<String>, Option<String>) {
    if let Some(final_phase) = known.phase.as_deref().filter(|phase| spec::is_terminal(phase)) {
        return (final_phase.to_owned(), known.reason.clone(), known.message.clone());
    }
    if let Some(failed) = inputs.failed {
        return ("Failed".to_owned(), Some(failed.reason.clone()), Some(failed.message.clone()));
    }
    // A pod that ends counts as ended only once nothing of it runs.
    let alive = inputs.observed.containers.iter().any(|container| container.state == State::Running);
    if alive && spec::is_terminal(computed) {
        return (known.phase.clone().unwrap_or_else(|| "Running".to_owned()), None, None);
    }
    (computed.to_owned(), None, None)
}

/// Addresses of the pod: the sandbox's, the node's with its network, or those known while there is no sandbox any more.
fn pod_ips(inputs: Inputs<'_>, known: &PodStatus) -> Vec<String> {
    if spec::host_network(inputs.pod) {
        return if inputs.observed.sandboxes.is_empty() { known_ips(known) } else { inputs.host_ips.to_vec() };
    }
    let ips = inputs.observed.sandboxes.first().map(|sandbox| sandbox.ips.clone()).unwrap_or_default();
    if ips.is_empty() { known_ips(known) } else { ips }
}

fn known_ips(known: &PodStatus) -> Vec<String> {
    known.pod_ips.iter().flatten().map(|ip| ip.ip.clone()).collect()
}

#[cfg(test)]
mod tests;
