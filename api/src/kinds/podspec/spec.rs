//! Validation of a pod spec as a whole; each concern has its own file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{affinity, containers, network, resources, scheduling, security, volumes};
use crate::field::{At, Errors};
use crate::kinds::common::checks::{MAX_INT32, Seen, in_range};
use crate::kinds::common::metadata;
use crate::names;

/// Where a pod spec stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// In a pod.
    Pod,
    /// In the template of something that makes pods.
    Template,
}

/// What the checks of one part of a spec must know of the rest.
#[derive(Debug)]
pub struct Scope<'a> {
    /// Where the spec stands.
    pub of: Of,
    /// Valid volumes by name.
    pub volumes: BTreeMap<&'a str, &'a Value>,
    /// Names of the pod's resource claims.
    pub claims: Vec<&'a str>,
    /// Grace period of the pod in seconds.
    pub grace: i64,
    /// Whether the pod runs in the host's user namespace.
    pub host_users: bool,
    /// `spec.os.name`; empty when unset.
    pub os: &'a str,
}

/// Validates a pod spec.
pub fn validate(spec: &At<'_>, of: Of, errs: &mut Errors) {
    let scope = Scope {
        of,
        volumes: volumes::validate(&spec.child("volumes"), of, errs),
        claims: scheduling::resource_claims(&spec.child("resourceClaims"), errs),
        grace: spec.child("terminationGracePeriodSeconds").i64().unwrap_or(0),
        host_users: spec.child("hostUsers").bool().unwrap_or(true),
        os: spec.child("os").child("name").text(),
    };
    containers::validate(spec, &scope, errs);
    resources::pod_requirements(spec, errs);
    network::host_ports(spec, of, errs);
    spec.child("restartPolicy").require_one_of(&["Always", "OnFailure", "Never"], errs);
    spec.child("dnsPolicy").require_one_of(&["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"], errs);
    metadata::labels(&spec.child("nodeSelector"), errs);
    security::pod(spec, errs);
    affinity::validate(&spec.child("affinity"), errs);
    network::dns_config(spec, errs);
    scheduling::validate(spec, errs);
    for field in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        checked(&spec.child(field), names::is_dns1123_subdomain, errs);
    }
    in_range(&spec.child("activeDeadlineSeconds"), 1, MAX_INT32, errs);
    checked(&spec.child("hostname"), names::is_dns1123_label, errs);
    checked(&spec.child("subdomain"), names::is_dns1123_label, errs);
    network::host_aliases(&spec.child("hostAliases"), errs);
    spec.child("preemptionPolicy").one_of(&["PreemptLowerPriority", "Never"], errs);
    resources::overhead(&spec.child("overhead"), errs);
    let os = spec.child("os");
    if os.exists() {
        os.child("name").require_one_of(&["linux", "windows"], errs);
    }
}

/// Runs a check on a text unless it is empty.
fn checked(at: &At<'_>, check: impl Fn(&str) -> names::Verdict, errs: &mut Errors) {
    at.check_given(check, errs);
}

/// Validates what only a pod must satisfy, and templates need not for compatibility.
pub fn pod_only(spec: &At<'_>, errs: &mut Errors) {
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            let image = container.child("image");
            if image.text().trim() != image.text() {
                errs.invalid(&image, "must not have leading or trailing whitespace");
            }
        }
    }
    let mut sizes = Seen::default();
    let mut count = 0_usize;
    for container in spec.child("containers").array() {
        for map in ["/resources/requests", "/resources/limits"] {
            for name in container.pointer(map).and_then(Value::as_object).into_iter().flatten().map(|(k, _)| k) {
                if name.starts_with("hugepages-") && sizes.insert(name) {
                    count = count.saturating_add(1);
                }
            }
        }
    }
    if count > 1 {
        errs.invalid_value(spec, Value::Null, "must use a single hugepage size in a pod spec");
    }
    if !spec.child("nodeName").is_empty() && !spec.child("schedulingGates").is_empty() {
        errs.forbidden(&spec.child("nodeName"), "cannot be set until all schedulingGates have been cleared");
    }
}

/// Validates the annotations that have a meaning for pods.
pub fn annotations(at: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let mirror = at.key("kubernetes.io/config.mirror");
    if mirror.exists() && spec.child("nodeName").is_empty() {
        errs.invalid(&mirror, "must set spec.nodeName if mirror pod annotation is set");
    }
}
