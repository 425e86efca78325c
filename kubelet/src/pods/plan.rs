//! What to do next with a pod that should run. Pure: values in, actions out.
//!
//! The planner is asked again after every step, so a plan holds only what can be done now: make the sandbox, or kill
//! and start containers in it. Follows upstream's `pkg/kubelet/kuberuntime: computePodActions @ v1.36`.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};

use super::backoff::{self, Backoff};
use super::observed::{self, Observed, Sandbox, State};
use super::{labels, sizes, spec};
use crate::probes::Verdicts;

/// What the planner looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The pod as the API has it.
    pub pod: &'a Pod,
    /// The pod as the runtime has it.
    pub observed: &'a Observed,
    /// Results of probes.
    pub verdicts: &'a Verdicts,
    /// Delays of restarts.
    pub backoff: &'a Backoff,
    /// Sizes of containers that were changed.
    pub sizes: &'a sizes::Applied,
    /// Whether sizes may change now.
    pub resize: Resize,
    /// Now.
    pub now: Timestamp,
}

/// Whether containers may get the sizes that the API has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The node has room for them.
    Allowed,
    /// It has not: containers keep what they have.
    Refused,
}

/// Why a container is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// Its spec changed.
    Changed,
    /// Its size changed, and its spec asks for a new instance then.
    Resized,
    /// Its liveness probe failed.
    Liveness,
    /// Its startup probe failed.
    Startup,
    /// Its state is unknown; it is stopped before it is started anew.
    Unknown,
    /// The pod's sandbox is replaced, or the pod ends.
    Pod,
}

/// A container to kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// CRI id.
    pub id: String,
    /// Name in the spec.
    pub name: String,
    /// Why.
    pub reason: KillReason,
    /// Message of the event.
    pub message: String,
    /// Grace period in seconds that replaces the pod's.
    pub grace: Option<i64>,
}

/// A container to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Name in the spec.
    pub name: String,
    /// Restart count of the new instance.
    pub restart_count: u32,
    /// An instance that was made and never ran, to be removed before: the new one takes its place.
    pub discard: Option<String>,
    /// Key and end of the last instance, to be noted in the back-off when the start is attempted.
    pub after_exit: Option<(String, Timestamp)>,
}

/// A container held back after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Name in the spec.
    pub name: String,
    /// What is left of the delay.
    pub remaining: Duration,
    /// Message of the waiting state.
    pub message: String,
}

/// What to do now. Empty when there is nothing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Stop all containers and sandboxes before anything else.
    pub stop_pod: bool,
    /// Make a sandbox with this attempt number.
    pub create_sandbox: Option<u32>,
    /// Containers to kill, before starting any.
    pub kill: Vec<Kill>,
    /// Containers that get the sizes of their spec while they run, as (id, name).
    pub resize: Vec<(String, String)>,
    /// Containers to start, in this order.
    pub start: Vec<Start>,
    /// Containers held back.
    pub held: Vec<Held>,
    /// Nothing runs and nothing will be started again: the pod has ended.
    pub completed: bool,
}

impl Plan {
    /// When to ask again though nothing else happens.
    pub fn wake_after(&self) -> Option<Duration> {
        self.held.iter().map(|held| held.remaining).min()
    }
}

/// Plans the next step of a pod that should run.
pub fn plan(facts: &Facts<'_>) -> Plan {
    match usable_sandbox(facts) {
        Some(sandbox) => in_sandbox(facts, sandbox),
        None => without_sandbox(facts),
    }
}

/// The sandbox that containers can be put into: ready, the only ready one, of the right kind, with an address.
pub fn usable_sandbox<'a>(facts: &Facts<'a>) -> Option<&'a Sandbox> {
    let newest = facts.observed.ready_sandbox()?;
    let alone = facts.observed.sandboxes.iter().filter(|sandbox| sandbox.ready).count() == 1;
    let host_network = spec::host_network(facts.pod);
    let addressed = host_network || !newest.ips.is_empty();
    (alone && newest.host_network == host_network && addressed).then_some(newest)
}

fn without_sandbox(facts: &Facts<'_>) -> Plan {
    let observed = facts.observed;
    let ran_before = !observed.containers.is_empty();
    let wanted = spec::containers(facts.pod)
        .iter()
        .any(|container| observed.latest(&container.name).is_none_or(|last| would_restart(facts, container, last)));
    let init_failed = spec::init_containers(facts.pod).iter().any(|init| {
        observed.latest(&init.name).is_some_and(|last| {
            last.state == State::Exited && last.exit_code != 0 && !spec::restarts(facts.pod, init, last.exit_code)
        })
    });
    if ran_before && (!wanted || init_failed) {
        return Plan { completed: true, stop_pod: anything_left(observed), ..Plan::default() };
    }
    let attempt = observed.sandboxes.iter().map(|sandbox| sandbox.attempt + 1).max().unwrap_or(0);
    Plan { stop_pod: anything_left(observed), create_sandbox: Some(attempt), ..Plan::default() }
}

/// Whether a container would be started again in a new sandbox, given its last instance. One that was running when
/// the sandbox went away ended without an exit code that could be trusted: it counts as failed.
fn would_restart(facts: &Facts<'_>, container: &Container, last: &observed::Container) -> bool {
    match last.state {
        State::Created | State::Unknown => true,
        State::Running => spec::restarts(facts.pod, container, 137),
        State::Exited => spec::restarts(facts.pod, container, last.exit_code),
    }
}

fn anything_left(observed: &Observed) -> bool {
    observed.alive().next().is_some() || observed.sandboxes.iter().any(|sandbox| sandbox.ready)
}

fn in_sandbox(facts: &Facts<'_>, sandbox: &Sandbox) -> Plan {
    let mut plan = Plan::default();
    ephemeral(facts, &mut plan);
    let initialized = spec::containers(facts.pod)
        .iter()
        .any(|container| facts.observed.latest_in(&sandbox.id, &container.name).is_some());
    match init(facts, sandbox, initialized, &mut plan) {
        Init::Failed => return Plan { completed: true, stop_pod: true, ..Plan::default() },
        Init::Pending => return plan,
        Init::Done => {}
    }
    let mut alive = 0;
    for container in spec::containers(facts.pod) {
        if regular(facts, container, &mut plan) {
            alive += 1;
        }
    }
    if alive == 0 {
        return Plan { completed: true, stop_pod: anything_left(facts.observed), ..Plan::default() };
    }
    plan
}

/// Plans ephemeral containers: each is started once, whatever the others do.
fn ephemeral(facts: &Facts<'_>, plan: &mut Plan) {
    for container in spec::ephemeral(facts.pod) {
        let last = facts.observed.latest(&container.name);
        if last.is_none_or(|last| last.state == State::Created) {
            start(facts, &spec::as_container(container), plan);
        }
    }
}

/// Plans one regular container; returns whether it runs or will run again.
fn regular(facts: &Facts<'_>, container: &Container, plan: &mut Plan) -> bool {
    let Some(last) = facts.observed.latest(&container.name) else {
        start(facts, container, plan);
        return true;
    };
    match last.state {
        State::Running => match failure(facts, container, last) {
            Some(kill) => {
                let again = matches!(kill.reason, KillReason::Changed | KillReason::Resized)
                    || spec::restarts(facts.pod, container, 137);
                plan.kill.push(kill);
                if again {
                    start(facts, container, plan);
                }
                true
            }
            None => {
                resize(facts, container, last, plan);
                true
            }
        },
        State::Exited => {
            let again = spec::restarts(facts.pod, container, last.exit_code);
            if again {
                start(facts, container, plan);
            }
            again
        }
        State::Created => {
            start(facts, container, plan);
            true
        }
        State::Unknown => {
            plan.kill.push(kill(last, KillReason::Unknown, unknown_message(container), None));
            start(facts, container, plan);
            true
        }
    }
}

fn unknown_message(container: &Container) -> String {
    format!("Container {} is in unknown state, try killing it before restart", container.name)
}

enum Init {
    /// Not all init containers are through.
    Pending,
    /// All are through; regular containers may run.
    Done,
    /// One failed for good.
    Failed,
}

fn init(facts: &Facts<'_>, sandbox: &Sandbox, initialized: bool, plan: &mut Plan) -> Init {
    let inits = spec::init_containers(facts.pod);
    for (index, container) in inits.iter().enumerate() {
        let last = facts.observed.latest_in(&sandbox.id, &container.name);
        // A later container was reached, so this one was through once; only sidecars still need care.
        let passed = initialized
            || inits.iter().skip(index + 1).any(|later| facts.observed.latest_in(&sandbox.id, &later.name).is_some());
        let through = match last {
            _ if passed && !spec::is_sidecar(container) => true,
            None => {
                start(facts, container, plan);
                false
            }
            Some(last) if spec::is_sidecar(container) => sidecar(facts, container, last, plan),
            Some(last) => match once(facts, container, last, plan) {
                Some(through) => through,
                None => return Init::Failed,
            },
        };
        if !through && !passed {
            return Init::Pending;
        }
    }
    Init::Done
}

/// Plans a sidecar; returns whether it has started.
fn sidecar(facts: &Facts<'_>, container: &Container, last: &observed::Container, plan: &mut Plan) -> bool {
    match last.state {
        State::Running => {
            if let Some(kill) = failure(facts, container, last) {
                plan.kill.push(kill);
                start(facts, container, plan);
                return false;
            }
            resize(facts, container, last, plan);
            let startup = facts.verdicts.get(&last.id).and_then(|verdict| verdict.startup);
            container.startup_probe.is_none() || startup == Some(true)
        }
        State::Unknown => {
            plan.kill.push(kill(last, KillReason::Unknown, unknown_message(container), None));
            start(facts, container, plan);
            false
        }
        State::Created | State::Exited => {
            start(facts, container, plan);
            false
        }
    }
}

/// Plans an init container that runs once; returns whether it succeeded, or `None` when it failed for good.
fn once(facts: &Facts<'_>, container: &Container, last: &observed::Container, plan: &mut Plan) -> Option<bool> {
    match last.state {
        State::Running => {
            if facts.pod.metadata.deletion_timestamp.is_none()
                && let Some(kill) = changed(container, last)
            {
                plan.kill.push(kill);
                start(facts, container, plan);
            }
            Some(false)
        }
        State::Exited if last.exit_code == 0 => Some(true),
        State::Exited => {
            if !spec::restarts(facts.pod, container, last.exit_code) {
                return None;
            }
            start(facts, container, plan);
            Some(false)
        }
        State::Created => {
            start(facts, container, plan);
            Some(false)
        }
        State::Unknown => {
            plan.kill.push(kill(last, KillReason::Unknown, unknown_message(container), None));
            start(facts, container, plan);
            Some(false)
        }
    }
}

/// Starts a container, or holds it back when it crashed lately.
fn start(facts: &Facts<'_>, container: &Container, plan: &mut Plan) {
    let last = facts.observed.latest(&container.name);
    let discard = last.filter(|last| last.state == State::Created);
    let restart_count = match (last, discard) {
        (_, Some(unused)) => unused.restart_count,
        (Some(last), None) => last.restart_count.saturating_add(1),
        (None, None) => 0,
    };
    let discard = discard.map(|unused| unused.id.clone());
    let exit = facts
        .observed
        .instances(&container.name)
        .find(|instance| instance.state == State::Exited)
        .map(|last| (backoff_key(container), last.finished_at.unwrap_or(last.created_at)));
    if let Some((key, event)) = &exit
        && let Some(delay) = facts.backoff.since_event(key, *event, facts.now)
    {
        let message = format!(
            "back-off {} restarting failed container={} pod={}",
            backoff::go_seconds(delay.total),
            container.name,
            spec::display(facts.pod)
        );
        plan.held.push(Held { name: container.name.clone(), remaining: delay.remaining, message });
        return;
    }
    plan.start.push(Start { name: container.name.clone(), restart_count, discard, after_exit: exit });
}

/// Key of a container's restarts in the back-off: a changed container starts over.
fn backoff_key(container: &Container) -> String {
    format!("{}/{}", container.name, labels::hash(container))
}

/// Finds out whether a running container must be killed.
fn failure(facts: &Facts<'_>, container: &Container, last: &observed::Container) -> Option<Kill> {
    if let Some(kill) = changed(container, last) {
        return Some(kill);
    }
    if size_change(facts, container, last) == sizes::Change::Restart {
        let message = format!("Container {} resize requires restart", container.name);
        return Some(kill(last, KillReason::Resized, message, None));
    }
    let verdict = facts.verdicts.get(&last.id).copied().unwrap_or_default();
    let (reason, word, probe) = if container.liveness_probe.is_some() && verdict.liveness == Some(false) {
        (KillReason::Liveness, "liveness", &container.liveness_probe)
    } else if container.startup_probe.is_some() && verdict.startup == Some(false) {
        (KillReason::Startup, "startup", &container.startup_probe)
    } else {
        return None;
    };
    let grace = probe.as_ref().and_then(|probe| probe.termination_grace_period_seconds);
    let mut message = format!("Container {} failed {word} probe", container.name);
    if spec::restarts(facts.pod, container, 137) {
        message.push_str(", will be restarted");
    }
    Some(kill(last, reason, message, grace))
}

fn size_change(facts: &Facts<'_>, container: &Container, last: &observed::Container) -> sizes::Change {
    match (facts.resize, sizes::current(facts.sizes, last)) {
        (Resize::Allowed, Some(from)) => sizes::change(container, from, &sizes::of(container.resources.as_ref())),
        _ => sizes::Change::None,
    }
}

fn resize(facts: &Facts<'_>, container: &Container, last: &observed::Container, plan: &mut Plan) {
    if size_change(facts, container, last) == sizes::Change::InPlace {
        plan.resize.push((last.id.clone(), container.name.clone()));
    }
}

fn changed(container: &Container, last: &observed::Container) -> Option<Kill> {
    let same = last.hash.is_empty() || last.hash == labels::hash(container);
    (!same).then(|| {
        let message = format!("Container {} definition changed, will be restarted", container.name);
        kill(last, KillReason::Changed, message, None)
    })
}

fn kill(last: &observed::Container, reason: KillReason, message: String, grace: Option<i64>) -> Kill {
    Kill { id: last.id.clone(), name: last.name.clone(), reason, message, grace }
}

#[cfg(test)]
mod tests;
