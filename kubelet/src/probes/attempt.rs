//! One attempt of a probe.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ExecAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::grpc;
use super::http::{self, Target};
use crate::cri::{self, Runtime};

/// What an attempt found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The container answered well.
    Success,
    /// It did not; with the output.
    Failure(String),
    /// The probe could not be made; the attempt does not count.
    Error(String),
}

/// Makes one attempt.
pub async fn attempt(runtime: &Runtime, probe: &Probe, container: &Container, id: &str, address: &str) -> Outcome {
    let timeout = seconds(probe.timeout_seconds, 1);
    if let Some(action) = &probe.exec {
        return exec(runtime, action, id, timeout).await;
    }
    if let Some(action) = &probe.http_get {
        return match port(&action.port, container) {
            Some(port) => match http::get(&Target::of(action, address, port), timeout).await {
                Ok(answer) if (200..400).contains(&answer.code) => Outcome::Success,
                Ok(answer) => Outcome::Failure(format!("HTTP probe failed with statuscode: {}", answer.code)),
                Err(error) => Outcome::Failure(error),
            },
            None => no_port(&action.port),
        };
    }
    if let Some(action) = &probe.tcp_socket {
        let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(address);
        return match port(&action.port, container) {
            Some(port) => tcp(host, port, timeout).await,
            None => no_port(&action.port),
        };
    }
    if let Some(action) = &probe.grpc {
        let service = action.service.as_deref().unwrap_or_default();
        let Ok(port) = u16::try_from(action.port) else { return Outcome::Error("invalid port".to_owned()) };
        return match grpc::check(address, port, service, timeout).await {
            Ok(()) => Outcome::Success,
            Err(error) => Outcome::Failure(error),
        };
    }
    Outcome::Error(format!("missing probe handler for {}", container.name))
}

async fn exec(runtime: &Runtime, action: &ExecAction, id: &str, timeout: Duration) -> Outcome {
    let command = action.command.clone().unwrap_or_default();
    let shown = command.join(" ");
    match runtime.exec_sync(id, command, Some(timeout)).await {
        Ok(answer) => {
            let mut output = answer.stdout;
            output.extend_from_slice(&answer.stderr);
            output.truncate(10 * 1024);
            match answer.exit_code {
                0 => Outcome::Success,
                _ => Outcome::Failure(String::from_utf8_lossy(&output).into_owned()),
            }
        }
        Err(cri::Error::DeadlineExceeded(_)) => {
            Outcome::Failure(format!("command timed out: {shown:?} timed out after {}s", timeout.as_secs()))
        }
        Err(error) => Outcome::Error(error.to_string()),
    }
}

async fn tcp(host: &str, port: u16, timeout: Duration) -> Outcome {
    match tokio::time::timeout(timeout, http::connect(host, port)).await {
        Ok(Ok(_)) => Outcome::Success,
        Ok(Err(error)) => Outcome::Failure(error),
        Err(_) => Outcome::Failure(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}

fn no_port(port: &IntOrString) -> Outcome {
    let shown = match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    Outcome::Error(format!("couldn't find port: {shown}"))
}

/// Finds a port by number or by the name that the container gives it.
pub fn port(port: &IntOrString, container: &Container) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|port| port.name.as_deref() == Some(name));
            match named {
                Some(port) => u16::try_from(port.container_port).ok(),
                None => name.parse().ok().filter(|port| *port > 0),
            }
        }
    }
}

/// A number of seconds of the API; the default when it is unset or not positive.
pub fn seconds(value: Option<i32>, default: u64) -> Duration {
    let value = value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
    Duration::from_secs(value.unwrap_or(default))
}
