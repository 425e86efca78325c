//! Warnings about pod specs that are accepted (`pkg/api/pod/warnings.go @ v1.36`).

use std::collections::BTreeMap;

use crate::field::At;
use crate::quantity::Quantity;

/// Volume sources that no longer work or are on their way out.
const DEPRECATED_VOLUMES: &[(&str, &str)] = &[
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// Node labels whose names changed.
const DEPRECATED_LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
];

/// Finds what deserves a warning in a pod spec.
pub fn pod_spec(spec: &At<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for (label, text) in DEPRECATED_LABELS {
        let at = spec.child("nodeSelector").key(label);
        if at.exists() {
            out.push(format!("{}: {text}", at.path));
        }
    }
    for volume in spec.child("volumes").items() {
        for (source, text) in DEPRECATED_VOLUMES {
            let at = volume.child(*source);
            if at.exists() {
                out.push(format!("{}: {text}", at.path));
            }
        }
    }
    for secret in spec.child("imagePullSecrets").items() {
        let name = secret.child("name");
        if name.text().trim().is_empty() {
            out.push(format!("{}: invalid empty name {}", name.path, crate::quote::quote(name.text())));
        }
    }
    let grace = spec.child("terminationGracePeriodSeconds");
    if grace.i64().is_some_and(|seconds| seconds < 0) {
        out.push(format!("{}: must be >= 0; negative values are invalid and will be treated as 1", grace.path));
    }
    for list in ["initContainers", "containers"] {
        for container in spec.child(list).items() {
            self::container(&container, &mut out);
        }
    }
    ports(spec, &mut out);
    out
}

fn container(container: &At<'_>, out: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for variable in container.child("env").items() {
        let (name, value) = (variable.child("name").text(), variable.child("value").text());
        // A definition that refers to the earlier one is meant.
        if seen.contains_key(name) && !value.contains(&format!("$({name})")) {
            out.push(format!(
                "{}: hides previous definition of {name:?}, which may be dropped when using apply",
                variable.path
            ));
        }
        seen.insert(name, ());
    }
    for field in ["requests", "limits"] {
        for (name, quantity) in container.child("resources").child(field).entries() {
            let parsed = quantity.value.and_then(|v| Quantity::from_value(v).ok());
            if matches!(name, "memory" | "ephemeral-storage") && parsed.is_some_and(|q| !q.is_whole()) {
                out.push(format!(
                    "{}: fractional byte value {:?} is invalid, must be an integer",
                    quantity.path,
                    quantity.text()
                ));
            }
        }
    }
}

/// The same container port twice, in one container or in two.
fn ports(spec: &At<'_>, out: &mut Vec<String>) {
    let mut seen: BTreeMap<(i64, &str), String> = BTreeMap::new();
    for port in spec.child("containers").items().flat_map(|container| container.child("ports").items()) {
        let key = (port.child("containerPort").i64().unwrap_or(0), port.child("protocol").text());
        match seen.get(&key) {
            Some(first) => out.push(format!("{}: duplicate port definition with {first}", port.path)),
            None => {
                seen.insert(key, port.path.to_string());
            }
        }
    }
}
