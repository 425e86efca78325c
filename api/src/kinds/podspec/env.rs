//! Validation of environment variables and of references to fields and resources of the pod.

use crate::field::{At, Errors};
use crate::names;

/// Fields of the pod that an environment variable may take.
const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of the pod that a volume file may hold.
pub const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// All fields that a reference can name at all.
const FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const BYTE_DIVISORS: &[&str] = &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// Validates `env`.
pub fn variables(env: &At<'_>, errs: &mut Errors) {
    for variable in env.items() {
        variable.child("name").require_valid(names::is_env_var_name, errs);
        let source = variable.child("valueFrom");
        if source.exists() {
            value_from(&source, !variable.child("value").is_empty(), errs);
        }
    }
}

fn value_from(source: &At<'_>, has_value: bool, errs: &mut Errors) {
    let mut sources = 0_u32;
    let mut found = |name: &'static str| Some(source.child(name)).filter(At::exists).inspect(|_| sources += 1);
    if let Some(at) = found("fieldRef") {
        field_ref(&at, ENV_FIELDS, errs);
    }
    if let Some(at) = found("resourceFieldRef") {
        resource_field_ref(&at, false, errs);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(at) = found(name) {
            at.child("name").check(names::is_dns1123_subdomain, errs);
            let key = at.child("key");
            key.require_valid(names::is_config_map_key, errs);
        }
    }
    if let Some(at) = found("fileKeyRef") {
        for field in ["volumeName", "path", "key"] {
            at.child(field).require(errs);
        }
    }
    let detail = match sources {
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errs.invalid_value(source, "", detail);
}

/// Validates `envFrom`.
pub fn sources(env_from: &At<'_>, errs: &mut Errors) {
    for source in env_from.items() {
        source.child("prefix").check_given(names::is_env_var_name, errs);
        let mut count = 0_u32;
        for name in ["configMapRef", "secretRef"] {
            let at = source.child(name);
            if at.exists() {
                count += 1;
                at.child("name").require_valid(names::is_dns1123_subdomain, errs);
            }
        }
        match count {
            0 => errs.invalid_value(&env_from.path, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => errs.invalid_value(&env_from.path, "", "may not have more than one field specified at a time"),
        }
    }
}

/// Validates a reference to a field of the pod; `allowed` are the paths usable there.
pub fn field_ref(at: &At<'_>, allowed: &[&str], errs: &mut Errors) {
    let (version, field) = (at.child("apiVersion"), at.child("fieldPath"));
    if !version.require(errs) || !field.require(errs) {
        return;
    }
    if version.text() != "v1" {
        errs.invalid(&field, format!("error converting fieldPath: unsupported pod version: {}", version.text()));
        return;
    }
    match subscript(field.text()) {
        Some(("metadata.annotations", key)) => {
            errs.invalid_each(at, key, names::is_qualified_name(&key.to_lowercase()))
        }
        Some(("metadata.labels", key)) => errs.invalid_each(at, key, names::is_qualified_name(key)),
        Some((path, _)) if FIELDS.contains(&path) => {
            errs.invalid(&field, format!("error converting fieldPath: field label does not support subscript: {path}"));
        }
        None if allowed.contains(&field.text()) => {}
        None if FIELDS.contains(&field.text()) => errs.not_supported(&field, allowed),
        _ => errs.invalid(&field, format!("error converting fieldPath: field label not supported: {}", field.text())),
    }
}

/// Splits `metadata.labels['key']` into path and key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['").filter(|(_, key)| !key.contains("['"))
}

/// Validates a reference to a resource of a container; in a volume it must name the container.
pub fn resource_field_ref(at: &At<'_>, in_volume: bool, errs: &mut Errors) {
    let (container, resource) = (at.child("containerName"), at.child("resource"));
    if in_volume && !container.require(errs) {
        return;
    }
    if !resource.require(errs) {
        return;
    }
    let name = resource.text();
    let huge = name.starts_with("limits.hugepages-") || name.starts_with("requests.hugepages-");
    if !huge && !RESOURCES.contains(&name) {
        errs.not_supported(&resource, RESOURCES);
    }
    divisor(&at.child("divisor"), name, errs);
}

fn divisor(at: &At<'_>, resource: &str, errs: &mut Errors) {
    let (allowed, of): (&[&str], &str) = match resource.split_once('.').map_or(resource, |(_, r)| r) {
        "cpu" => (&["1m", "1"], "only divisor's values 1m and 1 are supported with the cpu resource"),
        "memory" => (BYTE_DIVISORS, "memory resource"),
        "ephemeral-storage" => (BYTE_DIVISORS, "local ephemeral storage resource"),
        r if r.starts_with("hugepages-") => (BYTE_DIVISORS, "hugepages resource"),
        _ => return,
    };
    if ["", "0"].contains(&at.text()) || allowed.contains(&at.text()) {
        return;
    }
    let detail = if allowed.len() == 2 {
        of.to_owned()
    } else {
        format!("only divisor's values {} are supported with the {of}", BYTE_DIVISORS.join(", "))
    };
    errs.invalid_value(at, resource, detail);
}
