//! Containers of a pod or of a template for pods.

use serde_json::Value;

use super::env;
use super::text::{Text, line, or_none, quantity, time};
use crate::value::{at, entries, flag, int, list, plain, shown, text, texts};

/// Writes the containers at `pointer` of a pod, with the statuses at `statuses` of its status. A template has none, and is
/// `nested`.
pub fn containers(out: &mut Text, label: &str, pod: &Value, pointer: &str, statuses: Option<&str>) {
    let nested = statuses.is_none();
    let (space, name_indent) = if nested { ("  ", " ") } else { ("", "") };
    let containers = list(pod, pointer);
    line!(out, 0, "{space}{label}:{}", if containers.is_empty() { " <none>" } else { "" });
    for container in containers {
        let name = text(container, "/name");
        let status = statuses.and_then(|at| list(pod, at).iter().find(|s| text(s, "/name") == name));
        line!(out, 1, "{name_indent}{name}:");
        basics(out, container, status);
        words(out, "Command", container, "/command");
        words(out, "Args", container, "/args");
        if let Some(status) = status {
            states(out, status);
        }
        resources(out, container, 2);
        for (label, pointer) in
            [("Liveness", "/livenessProbe"), ("Readiness", "/readinessProbe"), ("Startup", "/startupProbe")]
        {
            if let Some(probe) = at(container, pointer) {
                line!(out, 2, "{label}:\t{}", describe_probe(probe));
            }
        }
        env::sources(out, container);
        env::variables(out, container, if nested { None } else { Some(pod) });
        mounts(out, container);
    }
}

fn basics(out: &mut Text, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        line!(out, 2, "Container ID:\t{}", text(status, "/containerID"));
    }
    line!(out, 2, "Image:\t{}", text(container, "/image"));
    if let Some(status) = status {
        line!(out, 2, "Image ID:\t{}", text(status, "/imageID"));
    }
    for (label, field) in [("Port", "/containerPort"), ("Host Port", "/hostPort")] {
        let ports: Vec<String> = list(container, "/ports")
            .iter()
            .map(|port| format!("{}/{}", int(port, field), text(port, "/protocol")))
            .collect();
        let plural = if ports.len() > 1 { "s" } else { "" };
        line!(out, 2, "{label}{plural}:\t{}", or_none(ports.join(", ")));
    }
    if let Some(profile) = at(container, "/securityContext/seccompProfile") {
        line!(out, 2, "SeccompProfile:\t{}", text(profile, "/type"));
        if text(profile, "/type") == "Localhost" {
            line!(out, 3, "LocalhostProfile:\t{}", text(profile, "/localhostProfile"));
        }
    }
}

fn words(out: &mut Text, label: &str, container: &Value, pointer: &str) {
    let words = texts(container, pointer);
    if words.is_empty() {
        return;
    }
    line!(out, 2, "{label}:");
    for part in words.iter().flat_map(|word| word.split('\n')) {
        line!(out, 3, "{part}");
    }
}

fn states(out: &mut Text, status: &Value) {
    state(out, "State", status.get("state").unwrap_or(&Value::Null));
    if let Some(last) = at(status, "/lastState").filter(|last| at(last, "/terminated").is_some()) {
        state(out, "Last State", last);
    }
    line!(out, 2, "Ready:\t{}", if flag(status, "/ready") { "True" } else { "False" });
    line!(out, 2, "Restart Count:\t{}", int(status, "/restartCount"));
}

fn state(out: &mut Text, label: &str, state: &Value) {
    if let Some(running) = at(state, "/running") {
        line!(out, 2, "{label}:\tRunning");
        line!(out, 3, "Started:\t{}", time(running, "/startedAt"));
    } else if let Some(ended) = at(state, "/terminated") {
        line!(out, 2, "{label}:\tTerminated");
        for (label, pointer) in [("Reason", "/reason"), ("Message", "/message")] {
            if !text(ended, pointer).is_empty() {
                line!(out, 3, "{label}:\t{}", text(ended, pointer));
            }
        }
        line!(out, 3, "Exit Code:\t{}", int(ended, "/exitCode"));
        if int(ended, "/signal") > 0 {
            line!(out, 3, "Signal:\t{}", int(ended, "/signal"));
        }
        line!(out, 3, "Started:\t{}", time(ended, "/startedAt"));
        line!(out, 3, "Finished:\t{}", time(ended, "/finishedAt"));
    } else {
        line!(out, 2, "{label}:\tWaiting");
        let reason = text(state, "/waiting/reason");
        if !reason.is_empty() {
            line!(out, 3, "Reason:\t{reason}");
        }
    }
}

/// Writes limits and requests, each below its heading.
pub fn resources(out: &mut Text, of: &Value, level: usize) {
    for (label, pointer) in [("Limits", "/resources/limits"), ("Requests", "/resources/requests")] {
        for (i, (name, amount)) in entries(of, pointer).enumerate() {
            if i == 0 {
                line!(out, level, "{label}:");
            }
            line!(out, level + 1, "{name}:\t{}", quantity(amount));
        }
    }
}

fn describe_probe(probe: &Value) -> String {
    let times = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        int(probe, "/initialDelaySeconds"),
        int(probe, "/timeoutSeconds"),
        int(probe, "/periodSeconds"),
        int(probe, "/successThreshold"),
        int(probe, "/failureThreshold")
    );
    if let Some(exec) = at(probe, "/exec") {
        return format!("exec [{}] {times}", texts(exec, "/command").join(" "));
    }
    if let Some(get) = at(probe, "/httpGet") {
        let host = text(get, "/host");
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let scheme = text(get, "/scheme").to_lowercase();
        let path = text(get, "/path");
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        return format!("http-get {scheme}://{host}:{}{slash}{path} {times}", shown(get, "/port"));
    }
    if let Some(socket) = at(probe, "/tcpSocket") {
        return format!("tcp-socket {}:{} {times}", text(socket, "/host"), shown(socket, "/port"));
    }
    if let Some(grpc) = at(probe, "/grpc") {
        return format!("grpc <pod>:{} {} {times}", int(grpc, "/port"), text(grpc, "/service"));
    }
    format!("unknown {times}")
}

fn mounts(out: &mut Text, container: &Value) {
    let mut mounts: Vec<&Value> = list(container, "/volumeMounts").iter().collect();
    line!(out, 2, "Mounts:{}", if mounts.is_empty() { "\t<none>" } else { "" });
    mounts.sort_by_key(|mount| text(mount, "/mountPath"));
    for mount in mounts {
        let mode = if flag(mount, "/readOnly") { "ro" } else { "rw" };
        let path = at(mount, "/subPath").map(|path| format!(",path={path}")).unwrap_or_default();
        line!(out, 3, "{} from {} ({mode}{path})", text(mount, "/mountPath"), text(mount, "/name"));
    }
    let mut devices: Vec<&Value> = list(container, "/volumeDevices").iter().collect();
    devices.sort_by_key(|device| text(device, "/devicePath"));
    for (i, device) in devices.iter().enumerate() {
        if i == 0 {
            line!(out, 2, "Devices:");
        }
        line!(out, 3, "{} from {}", text(device, "/devicePath"), text(device, "/name"));
    }
}

/// Writes tolerations beside a title.
pub fn tolerations(out: &mut Text, title: &str, spec: &Value) {
    let mut tolerations: Vec<&Value> = list(spec, "/tolerations").iter().collect();
    tolerations.sort_by_key(|toleration| text(toleration, "/key"));
    out.column(title, tolerations.into_iter().map(toleration));
}

fn toleration(toleration: &Value) -> String {
    let (key, value, effect) = (text(toleration, "/key"), text(toleration, "/value"), text(toleration, "/effect"));
    let mut shown = key.to_owned();
    for (sign, part) in [("=", value), (":", effect)] {
        if !part.is_empty() {
            shown.push_str(sign);
            shown.push_str(part);
        }
    }
    if text(toleration, "/operator") == "Exists" && value.is_empty() {
        shown.push_str(if shown.is_empty() { "op=Exists" } else { " op=Exists" });
    }
    if let Some(seconds) = at(toleration, "/tolerationSeconds") {
        shown.push_str(&format!(" for {}s", plain(seconds)));
    }
    shown
}

/// Writes topology spread constraints, when there are any.
pub fn spread_constraints(out: &mut Text, spec: &Value, space: &str) {
    let mut constraints: Vec<&Value> = list(spec, "/topologySpreadConstraints").iter().collect();
    if constraints.is_empty() {
        return;
    }
    constraints.sort_by_key(|c| text(c, "/topologyKey"));
    let lines = constraints.into_iter().map(|c| {
        let selector = at(c, "/labelSelector").map(|_| {
            let selector = or_none(super::text::selector(c, "/labelSelector"));
            format!(" for selector {selector}")
        });
        format!(
            "{}:{} when max skew {} is exceeded{}",
            text(c, "/topologyKey"),
            text(c, "/whenUnsatisfiable"),
            int(c, "/maxSkew"),
            selector.unwrap_or_default()
        )
    });
    out.column(&format!("{space}Topology Spread Constraints"), lines);
}
