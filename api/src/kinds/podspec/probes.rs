//! Validation of probes and lifecycle hooks.

use super::spec::Scope;
use crate::field::{At, Errors};
use crate::kinds::common::network;
use crate::names;

const HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Validates a probe; `kind` is its field (`livenessProbe`, `readinessProbe` or `startupProbe`).
pub fn validate(probe: &At<'_>, kind: &str, scope: &Scope<'_>, errs: &mut Errors) {
    if !probe.exists() {
        return;
    }
    handler(probe, scope, errs);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        probe.child(field).non_negative(errs);
    }
    let grace = probe.child("terminationGracePeriodSeconds");
    if grace.i64().is_some_and(|seconds| seconds <= 0) {
        errs.invalid(&grace, "must be greater than 0");
    }
    if kind == "readinessProbe" {
        if grace.exists() {
            errs.invalid(&grace, "must not be set for readinessProbes");
        }
        return;
    }
    let threshold = probe.child("successThreshold");
    if threshold.i64() != Some(1) {
        errs.invalid_value(&threshold, threshold.i64().unwrap_or(0), "must be 1");
    }
}

/// Validates lifecycle hooks and the stop signal.
pub fn lifecycle(at: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    for hook in ["postStart", "preStop"] {
        let hook = at.child(hook);
        if hook.exists() {
            handler(&hook, scope, errs);
        }
    }
    let signal = at.child("stopSignal");
    if signal.exists() && scope.os.is_empty() {
        errs.forbidden(&signal, "may not be set for containers with empty `spec.os.name`");
    }
}

fn handler(at: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    let mut found = false;
    for name in HANDLERS {
        let action = at.child(*name);
        if !action.exists() {
            continue;
        }
        if found {
            errs.forbidden(&action, "may not specify more than 1 handler type");
            continue;
        }
        found = true;
        match *name {
            "exec" => {
                action.child("command").require(errs);
            }
            "httpGet" => http_get(&action, errs),
            "tcpSocket" => network::port_or_name(&action.child("port"), errs),
            "grpc" => network::port(&action.child("port"), errs),
            _ => sleep(&action, scope.grace, errs),
        }
    }
    if !found {
        errs.required_because(at, "must specify a handler type");
    }
}

fn http_get(action: &At<'_>, errs: &mut Errors) {
    action.child("path").require(errs);
    network::port_or_name(&action.child("port"), errs);
    action.child("scheme").require_one_of(&["HTTP", "HTTPS"], errs);
    let headers = action.child("httpHeaders");
    for header in headers.items() {
        let name = header.child("name").text();
        errs.invalid_each(&headers.path, name, names::is_http_header_name(name));
    }
}

fn sleep(action: &At<'_>, grace: i64, errs: &mut Errors) {
    let seconds = action.child("seconds").i64().unwrap_or(0);
    if !(0..=grace).contains(&seconds) {
        errs.invalid_value(
            &action.path,
            seconds,
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})"),
        );
    }
}
