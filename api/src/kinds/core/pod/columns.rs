//! How pods are printed (`pkg/printers/internalversion/printers.go: printPod @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::kinds::common::values::{int, is_true, is_unset, list, text};
use crate::kinds::printing::{self, NONE};
use crate::kinds::strategy::Column;

/// The columns of pods.
pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Ready", "string", "The aggregate readiness state of this pod for accepting traffic."),
    Column::new("Status", "string", "The aggregate status of the containers in this pod."),
    Column::new(
        "Restarts",
        "string",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    Column::AGE,
    Column::wide("IP", "string", "IP address allocated to the pod. Routable at least within the cluster."),
    Column::wide("Node", "string", "Name of the node the pod is scheduled onto."),
    Column::wide("Nominated Node", "string", "Node on which preempted pods made room for this pod."),
    Column::wide("Readiness Gates", "string", "How many of the pod's readiness gates hold."),
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

/// Cells of a pod.
pub fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summarise(pod);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => format!("{} ({} ago)", summary.restarts, printing::between(at, now)),
        _ => summary.restarts.to_string(),
    };
    let or_none = |value: &str| Value::from(if value.is_empty() { NONE } else { value });
    let gates = list(pod, "/spec/readinessGates");
    let holding = gates.iter().filter(|gate| condition_is_true(pod, text(gate, "/conditionType"))).count();
    vec![
        printing::name(pod),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        printing::age(pod, now),
        or_none(text(pod, "/status/podIPs/0/ip")),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        if gates.is_empty() { NONE.into() } else { format!("{holding}/{}", gates.len()).into() },
    ]
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
