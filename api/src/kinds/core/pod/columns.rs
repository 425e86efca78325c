//! How pods are printed (`pkg/printers/internalversion/printers.go: printPod @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::kinds::column::Column;
use crate::kinds::common::values::{int, is_true, is_unset, list, text};
use crate::kinds::printing::{self, NONE};

/// The columns of pods.
pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::shown("Ready", ready, "The aggregate readiness state of this pod for accepting traffic."),
    Column::shown("Status", reason, "The aggregate status of the containers in this pod."),
    Column::new(
        "Restarts",
        "string",
        |pod, now| restarts(pod, now).into(),
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    Column::AGE,
    Column::text("IP", "/status/podIPs/0/ip", "IP address allocated to the pod. Routable at least within the cluster.")
        .or(NONE)
        .wide(),
    Column::text("Node", "/spec/nodeName", "Name of the node the pod is scheduled onto.").or(NONE).wide(),
    Column::text("Nominated Node", "/status/nominatedNodeName", "Node on which preempted pods made room for this pod.")
        .or(NONE)
        .wide(),
    Column::shown("Readiness Gates", gates, "How many of the pod's readiness gates hold.").wide(),
];

/// What a row says of the pod's containers.
#[derive(Debug, Default)]
struct Summary {
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
    reason: String,
}

fn ready(pod: &Value) -> String {
    let summary = summarise(pod);
    format!("{}/{}", summary.ready, summary.total)
}

fn restarts(pod: &Value, now: Timestamp) -> String {
    let summary = summarise(pod);
    match summary.last_restart {
        Some(at) if summary.restarts != 0 => format!("{} ({} ago)", summary.restarts, printing::between(at, now)),
        _ => summary.restarts.to_string(),
    }
}

fn gates(pod: &Value) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let holding = gates.iter().filter(|gate| condition_is_true(pod, text(gate, "/conditionType"))).count();
    format!("{holding}/{}", gates.len())
}

/// The word in the column `Status`.
pub fn reason(pod: &Value) -> String {
    summarise(pod).reason
}

fn summarise(pod: &Value) -> Summary {
    let (phase, status_reason) = (text(pod, "/status/phase"), text(pod, "/status/reason"));
    let gated = list(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated");
    let mut summary = Summary {
        total: list(pod, "/spec/containers").len(),
        reason: match status_reason {
            _ if gated => "SchedulingGated",
            "" => phase,
            reason => reason,
        }
        .to_owned(),
        ..Summary::default()
    };
    summary.total += list(pod, "/spec/initContainers").iter().filter(|c| text(c, "/restartPolicy") == "Always").count();
    let (initializing, sidecars) = init_containers(pod, &mut summary);
    if !initializing || condition_is_true(pod, "Initialized") {
        (summary.restarts, summary.last_restart) = sidecars;
        containers(pod, &mut summary);
    }
    if !is_unset(pod.pointer("/metadata/deletionTimestamp")) {
        if status_reason == "NodeLost" {
            "Unknown".clone_into(&mut summary.reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

type Restarts = (i64, Option<Timestamp>);

fn last_restart(status: &Value) -> Option<Timestamp> {
    text(status, "/lastState/terminated/finishedAt").parse().ok()
}

/// Goes through init containers up to the first that is not done; says whether one is not, and the restarts of sidecars.
fn init_containers(pod: &Value, summary: &mut Summary) -> (bool, Restarts) {
    let specs = list(pod, "/spec/initContainers");
    let is_sidecar =
        |name: &str| specs.iter().any(|c| text(c, "/name") == name && text(c, "/restartPolicy") == "Always");
    let mut sidecars: Restarts = (0, None);
    for (index, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        let restarts = int(status, "/restartCount").unwrap_or(0);
        summary.restarts += restarts;
        summary.last_restart = summary.last_restart.max(last_restart(status));
        let sidecar = is_sidecar(text(status, "/name"));
        if sidecar {
            sidecars = (sidecars.0 + restarts, sidecars.1.max(last_restart(status)));
        }
        let terminated = status.pointer("/state/terminated").filter(|t| !t.is_null());
        if terminated.is_some_and(|t| int(t, "/exitCode").unwrap_or(0) == 0) {
            continue;
        }
        if sidecar && is_true(status, "/started") {
            summary.ready += usize::from(is_true(status, "/ready"));
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        summary.reason = match terminated {
            Some(terminated) => format!("Init:{}", termination(terminated)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{}", specs.len()),
        };
        return (true, sidecars);
    }
    (false, sidecars)
}

fn containers(pod: &Value, summary: &mut Summary) {
    let mut running = false;
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        summary.restarts += int(status, "/restartCount").unwrap_or(0);
        summary.last_restart = summary.last_restart.max(last_restart(status));
        let waiting = text(status, "/state/waiting/reason");
        let terminated = status.pointer("/state/terminated").filter(|t| !t.is_null());
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.reason);
        } else if let Some(terminated) = terminated {
            summary.reason = termination(terminated);
        } else if is_true(status, "/ready") && !is_unset(status.pointer("/state/running")) {
            running = true;
            summary.ready += 1;
        }
    }
    // One container being done does not make the pod so.
    if summary.reason == "Completed" && running {
        let word = if condition_is_true(pod, "Ready") { "Running" } else { "NotReady" };
        word.clone_into(&mut summary.reason);
    }
}

fn termination(terminated: &Value) -> String {
    match (text(terminated, "/reason"), int(terminated, "/signal").unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", int(terminated, "/exitCode").unwrap_or(0)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn condition_is_true(pod: &Value, kind: &str) -> bool {
    list(pod, "/status/conditions").iter().any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}
