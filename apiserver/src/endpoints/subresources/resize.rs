//! `resize`: changes the resources of a pod's containers in place.

use corvette_api::{
    field::{At, Errors},
    meta,
};
use serde_json::Value;

/// Takes the resources and resize policies of the containers of `new`.
pub fn prepare(new: &mut Value, old: &Value) {
    let version = meta::resource_version(new).to_owned();
    let asked = std::mem::replace(new, old.clone());
    meta::set_resource_version(new, &version);
    for list in ["containers", "initContainers"] {
        let from = asked.pointer(&format!("/spec/{list}")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let Some(into) = new.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut) else { continue };
        for container in into {
            let Some(asked) = from.iter().find(|asked| asked.get("name") == container.get("name")) else { continue };
            for field in ["resources", "resizePolicy"] {
                if let (Some(map), Some(value)) = (container.as_object_mut(), asked.get(field)) {
                    map.insert(field.to_owned(), value.clone());
                }
            }
        }
    }
    if new.get("spec") != old.get("spec") {
        let generation = meta::generation(old);
        meta::set_generation(new, generation + 1);
    }
}

/// A pod that has ended cannot be resized.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::default();
    if matches!(old.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed")) {
        errors.forbidden(&At::root(new).child("spec"), "pod resize is not supported for pods that have ended");
    }
    errors
}
