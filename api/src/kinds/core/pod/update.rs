//! What an update of a pod may change (`ValidatePodUpdate` and its relatives @ v1.36).

use serde_json::Value;

use super::{diff, qos};
use crate::field::{At, Errors};
use crate::kinds::common::checks::MAX_INT32;
use crate::kinds::common::generation;
use crate::kinds::common::values::{each, is_zero, list, remove, same, set, text};
use crate::kinds::kind::Kind;
use crate::kinds::podspec::{scheduling, spec};
use crate::names;

/// Annotation of a pod that mirrors one the kubelet took from a file.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Validates a pod by itself.
pub fn metadata_and_spec(pod: &Value, errs: &mut Errors) {
    let at = At::root(pod).child("spec");
    known_annotations(pod, errs);
    spec::validate(&at, spec::Of::Pod, errs);
    spec::pod_only(&at, errs);
}

fn known_annotations(pod: &Value, errs: &mut Errors) {
    let root = At::root(pod);
    spec::annotations(&root.child("metadata").child("annotations"), &root.child("spec"), errs);
}

/// Validates an update of the main resource.
pub fn validate(new: &Value, old: &Value, errs: &mut Errors) {
    if same(new.get("spec"), old.get("spec")) {
        // It was found valid when it was stored, which is most of the work on an update of labels or annotations.
        known_annotations(new, errs);
        return annotations(new, old, errs);
    }
    metadata_and_spec(new, errs);
    annotations(new, old, errs);
    let at = At::root(new).child("spec");
    if !containers(&at, old, errs) || !deadline(&at, old, errs) {
        return;
    }
    tolerations(&at.child("tolerations"), old, errs);
    gates(&at.child("schedulingGates"), old, errs);
    if old.pointer("/status/qosClass").and_then(Value::as_str).is_some_and(|class| class != qos::compute(new)) {
        let class = text(new, "/status/qosClass");
        errs.invalid_value(&At::root(new).child("metadata").path, class, "Pod QoS is immutable");
    }
    let allowed = without_updatable(new, old, &at, errs);
    let stored = old.get("spec").unwrap_or(&Value::Null);
    if !same(Some(&allowed), Some(stored)) {
        let diff = diff::render("core.PodSpec", stored, &allowed);
        errs.forbidden(&at, format!("pod updates may not change fields other than {UPDATABLE}\n{diff}"));
    }
}

/// The new spec with everything that may change put back.
fn without_updatable(new: &Value, old: &Value, at: &At<'_>, errs: &mut Errors) -> Value {
    let mut allowed = new.get("spec").cloned().unwrap_or_default();
    let stored = old.get("spec").unwrap_or(&Value::Null);
    for containers in ["containers", "initContainers"] {
        let mut images =
            list(old, &format!("/spec/{containers}")).iter().map(|c| c.get("image").cloned().unwrap_or_default());
        each(&mut allowed, containers, |container| {
            if let Some(image) = images.next() {
                set(container, "image", image);
            }
        });
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        generation::carry(&mut allowed, stored, field);
    }
    let grace = |spec: &Value| spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    if grace(stored).is_some_and(|seconds| seconds < 0) && grace(&allowed) == Some(1) {
        generation::carry(&mut allowed, stored, "terminationGracePeriodSeconds");
    }
    if !list(old, "/spec/schedulingGates").is_empty() {
        gated(&mut allowed, stored, at, errs);
    }
    allowed
}

/// A pod that waits behind gates may still be narrowed to fewer nodes.
fn gated(allowed: &mut Value, stored: &Value, at: &At<'_>, errs: &mut Errors) {
    let selector = at.child("nodeSelector");
    for (key, value) in stored.get("nodeSelector").and_then(Value::as_object).into_iter().flatten() {
        if selector.key(key).value != Some(value) {
            errs.invalid(&selector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
            break;
        }
    }
    generation::carry(allowed, stored, "nodeSelector");
    let pointer = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    if is_zero(stored.pointer(pointer)) && is_zero(stored.get("affinity")) && only_node_affinity(allowed) {
        remove(allowed, "affinity");
    }
}

fn only_node_affinity(spec: &Value) -> bool {
    spec.get("affinity").and_then(Value::as_object).is_some_and(|a| a.keys().all(|k| k == "nodeAffinity"))
}

fn containers(at: &At<'_>, old: &Value, errs: &mut Errors) -> bool {
    for field in ["containers", "initContainers"] {
        let containers = at.child(field);
        if containers.len() != list(old, &format!("/spec/{field}")).len() {
            errs.forbidden(&containers, "pod updates may not add or remove containers");
            return false;
        }
    }
    true
}

fn deadline(at: &At<'_>, old: &Value, errs: &mut Errors) -> bool {
    let deadline = at.child("activeDeadlineSeconds");
    let stored = old.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64);
    match (deadline.i64(), stored) {
        (Some(new), _) if !(0..=MAX_INT32).contains(&new) => {
            errs.invalid(&deadline, names::inclusive_range_error(0, MAX_INT32));
            false
        }
        (Some(new), Some(old)) if old < new => {
            errs.invalid(&deadline, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            errs.invalid(&deadline, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn tolerations(at: &At<'_>, old: &Value, errs: &mut Errors) {
    let bare = |toleration: &Value| {
        let mut bare = toleration.clone();
        remove(&mut bare, "tolerationSeconds");
        bare
    };
    let new: Vec<Value> = at.array().iter().map(bare).collect();
    if !list(old, "/spec/tolerations").iter().all(|old| new.iter().any(|new| same(Some(new), Some(&bare(old))))) {
        errs.forbidden(at, "existing toleration can not be modified except its tolerationSeconds");
        return;
    }
    scheduling::tolerations(at, errs);
}

fn gates(at: &At<'_>, old: &Value, errs: &mut Errors) {
    let stored: Vec<&str> = list(old, "/spec/schedulingGates").iter().map(|gate| text(gate, "/name")).collect();
    for gate in at.items() {
        let name = gate.child("name").text();
        if !stored.contains(&name) {
            errs.forbidden(&gate, format!("only deletion is allowed, but found new scheduling gate '{name}'"));
        }
    }
}

/// Annotations that bind a pod to a file on its node never change.
fn annotations(new: &Value, old: &Value, errs: &mut Errors) {
    let at = At::root(new).child("metadata").child("annotations").key(MIRROR_ANNOTATION);
    let stored = old.pointer("/metadata/annotations").and_then(|a| a.get(MIRROR_ANNOTATION));
    match (stored, at.value) {
        (Some(a), b) if Some(a) != b => errs.forbidden(&at, "may not remove or update mirror pod annotation"),
        (None, Some(_)) => errs.forbidden(&at, "may not add mirror pod annotation"),
        _ => {}
    }
}

/// Validates an update of the status.
pub fn validate_status(new: &Value, old: &Value, errs: &mut Errors) {
    annotations(new, old, errs);
    let status = At::root(new).child("status");
    let nominated = status.child("nominatedNodeName");
    if !nominated.is_empty() && nominated.text() != text(old, "/status/nominatedNodeName") {
        nominated.check(names::is_dns1123_subdomain, errs);
    }
    let policy = text(old, "/spec/restartPolicy");
    for field in ["containerStatuses", "initContainerStatuses"] {
        stays_terminated(&status.child(field), old, field, policy, errs);
    }
}

/// A container that ended for good does not come back.
fn stays_terminated(at: &At<'_>, old: &Value, field: &str, policy: &str, errs: &mut Errors) {
    if policy == "Always" {
        return;
    }
    for (index, stored) in list(old, &format!("/status/{field}")).iter().enumerate() {
        let Some(terminated) = stored.pointer("/state/terminated") else { continue };
        let name = text(stored, "/name");
        let failed = terminated.get("exitCode").and_then(Value::as_i64) != Some(0);
        if (failed && policy == "OnFailure") || has_own_policy(old, name) {
            continue;
        }
        for status in at.array() {
            if text(status, "/name") == name && status.pointer("/state/terminated").is_none() {
                errs.forbidden(&at.path.index(index).child("state"), "may not be transitioned to non-terminated state");
            }
        }
    }
}

fn has_own_policy(pod: &Value, name: &str) -> bool {
    ["/spec/containers", "/spec/initContainers"].iter().any(|containers| {
        list(pod, containers).iter().any(|c| text(c, "/name") == name && !is_zero(c.get("restartPolicy")))
    })
}

/// Updates through `pods/ephemeralcontainers`: those and nothing else.
pub static EPHEMERAL_CONTAINERS: Kind =
    Kind { default: super::default, prepare_update, validate_update: Some(validate_update), ..Kind::DATA };

fn prepare_update(new: &mut Value, old: &Value) {
    let mut kept = old.clone();
    if let (Some(kept), Some(wanted)) = (kept.get_mut("spec"), new.get("spec")) {
        generation::carry(kept, wanted, "ephemeralContainers");
    }
    generation::keep_write_metadata(&mut kept, new);
    *new = kept;
    generation::advance(new, old, &[]);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    metadata_and_spec(new, errs);
    let at = At::root(new).child("spec").child("ephemeralContainers");
    if old.pointer("/metadata/annotations").is_some_and(|a| a.get(MIRROR_ANNOTATION).is_some()) {
        errs.forbidden(&at, "static pods do not support ephemeral containers");
    }
    for (index, stored) in list(old, "/spec/ephemeralContainers").iter().enumerate() {
        let name = text(stored, "/name");
        match at.array().iter().find(|c| text(c, "/name") == name) {
            None => errs.forbidden(&at, format!("existing ephemeral containers {name:?} may not be removed\n")),
            Some(wanted) if !same(Some(wanted), Some(stored)) => {
                let diff = diff::render("core.EphemeralContainer", stored, wanted);
                errs.forbidden(
                    &at.path.index(index),
                    format!("existing ephemeral containers {name:?} may not be changed\n{diff}"),
                );
            }
            Some(_) => {}
        }
    }
}
