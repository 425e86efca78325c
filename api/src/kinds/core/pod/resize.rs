//! Updates through `pods/resize`: CPU and memory of containers and of the pod, and nothing else.

use serde_json::Value;

use super::qos;
use super::update::{MIRROR_ANNOTATION, metadata_and_spec};
use crate::field::{At, Errors};
use crate::kinds::common::generation;
use crate::kinds::common::values::{each, list, text};
use crate::kinds::kind::Kind;

/// The strategy of `pods/resize` (`ValidatePodResize @ v1.36`).
pub static RESIZE: Kind =
    Kind { default: super::default, prepare_update, validate_update: Some(validate_update), ..Kind::DATA };

fn prepare_update(new: &mut Value, old: &Value) {
    let mut kept = old.clone();
    if let Some(spec) = kept.get_mut("spec") {
        for containers in ["containers", "initContainers"] {
            let wanted = list(new, &format!("/spec/{containers}"));
            each(spec, containers, |container| {
                if let Some(wanted) = wanted.iter().find(|c| text(c, "/name") == text(container, "/name")) {
                    generation::carry(container, wanted, "resources");
                    generation::carry(container, wanted, "resizePolicy");
                }
            });
        }
        if let Some(wanted) = new.get("spec") {
            generation::carry(spec, wanted, "resources");
        }
    }
    generation::keep_write_metadata(&mut kept, new);
    *new = kept;
    generation::advance(new, old, &[]);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    metadata_and_spec(new, errs);
    let spec = At::root(new).child("spec");
    if old.pointer("/metadata/annotations").is_some_and(|a| a.get(MIRROR_ANNOTATION).is_some()) {
        errs.forbidden(&spec, "static pods cannot be resized");
    }
    if old.pointer("/status/qosClass").and_then(Value::as_str).is_some_and(|class| class != qos::compute(new)) {
        errs.invalid_value(
            &spec,
            text(new, "/status/qosClass"),
            "Pod QOS Class may not change as a result of resizing",
        );
    }
    for containers in ["containers", "initContainers"] {
        let stored = list(old, &format!("/spec/{containers}"));
        for (container, before) in spec.child(containers).items().zip(stored) {
            nothing_removed(&container, before, errs);
        }
    }
}

/// Requests and limits may change, but not vanish.
fn nothing_removed(container: &At<'_>, before: &Value, errs: &mut Errors) {
    for field in ["limits", "requests"] {
        let at = container.child("resources").child(field);
        let stored = before.pointer(&format!("/resources/{field}")).and_then(Value::as_object);
        for (name, _) in stored.into_iter().flatten() {
            if !at.key(name).exists() {
                errs.forbidden(&at, format!("resource {field} cannot be removed"));
            }
        }
        for (name, quantity) in at.entries() {
            let changed = stored.and_then(|s| s.get(name)) != quantity.value;
            if changed && !matches!(name, "cpu" | "memory") {
                errs.forbidden(&container.child("resources"), "only cpu and memory resources are mutable");
            }
        }
    }
}
