//! Defaults of pod specs and of the containers in them (`pkg/apis/core/v1/defaults.go @ v1.36`).

use serde_json::{Map, Value};

use super::{images, resources, volume_defaults};
use crate::kinds::common::values::{each, ensure, fill, fill_zero, int, is_zero, remove, set, text, within};

/// Path of the termination log inside a container.
pub const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";
/// Grace period of a pod in seconds.
pub const GRACE_PERIOD_SECONDS: i64 = 30;
/// The lists of containers in a pod spec, with ephemeral ones last.
pub const CONTAINER_LISTS: &[&str] = &["initContainers", "containers", "ephemeralContainers"];

/// Fills what every pod spec gets, in a pod as well as in a template.
pub fn pod_spec(spec: &mut Value) {
    volume_defaults::volumes(spec);
    for list in CONTAINER_LISTS {
        each(spec, list, container);
    }
    fill_zero(spec, "dnsPolicy", "ClusterFirst");
    fill_zero(spec, "restartPolicy", "Always");
    fill(spec, "securityContext", Map::new());
    fill(spec, "terminationGracePeriodSeconds", GRACE_PERIOD_SECONDS);
    fill_zero(spec, "schedulerName", "default-scheduler");
    service_account(spec);
    within(spec, "overhead", resources::canonical_list);
    within(spec, "resources", resources::canonical);
}

/// Keeps the deprecated alias of `serviceAccountName` equal to it.
fn service_account(spec: &mut Value) {
    let name = match (text(spec, "/serviceAccountName"), text(spec, "/serviceAccount")) {
        ("", "") => return,
        ("", alias) => alias.to_owned(),
        (name, _) => name.to_owned(),
    };
    set(spec, "serviceAccountName", name.clone());
    set(spec, "serviceAccount", name);
}

/// Fills what only a pod gets, and not a template: requests from limits, service links, host ports.
pub fn pod_only(spec: &mut Value) {
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    for list in ["initContainers", "containers"] {
        each(spec, list, |container| {
            within(container, "resources", resources::requests_from_limits);
            if host_network {
                each(container, "ports", |port| {
                    if let Some(number) = int(port, "/containerPort") {
                        fill_zero(port, "hostPort", number);
                    }
                });
            }
        });
    }
    resources::pod_level(spec);
    fill(spec, "enableServiceLinks", true);
}

fn container(container: &mut Value) {
    let policy = images::default_pull_policy(text(container, "/image"));
    fill_zero(container, "imagePullPolicy", policy);
    fill_zero(container, "terminationMessagePath", TERMINATION_MESSAGE_PATH);
    fill_zero(container, "terminationMessagePolicy", "File");
    if let Some(resources) = ensure(container, "resources") {
        resources::canonical(resources);
    }
    each(container, "ports", |port| {
        fill_zero(port, "protocol", "TCP");
        for field in ["hostPort", "name", "hostIP"] {
            if is_zero(port.get(field)) {
                remove(port, field);
            }
        }
    });
    each(container, "env", |env| within(env, "valueFrom", value_from));
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        within(container, field, probe);
    }
    within(container, "lifecycle", |lifecycle| {
        for field in ["postStart", "preStop"] {
            within(lifecycle, field, |handler| within(handler, "httpGet", http_get));
        }
    });
}

fn value_from(source: &mut Value) {
    within(source, "fieldRef", field_ref);
    within(source, "resourceFieldRef", resource_field_ref);
    within(source, "fileKeyRef", |file| fill(file, "optional", false));
}

/// Fills a reference to a field of the pod.
pub fn field_ref(reference: &mut Value) {
    fill_zero(reference, "apiVersion", "v1");
}

/// Fills a reference to a resource of a container; an unset divisor shows as `"0"`.
pub fn resource_field_ref(reference: &mut Value) {
    fill_zero(reference, "divisor", "0");
    within(reference, "divisor", resources::canonical_quantity);
}

fn probe(probe: &mut Value) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        fill_zero(probe, field, value);
    }
    within(probe, "httpGet", http_get);
    within(probe, "grpc", |grpc| fill(grpc, "service", ""));
}

fn http_get(action: &mut Value) {
    fill_zero(action, "path", "/");
    fill_zero(action, "scheme", "HTTP");
}
