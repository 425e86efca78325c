//! `ephemeralcontainers`: adds containers to a running pod.

use corvette_api::field::{At, Errors};
use serde_json::Value;

/// Takes the ephemeral containers of `new`.
pub fn prepare(new: &mut Value, old: &Value) {
    super::keep_only(new, old, "spec", "ephemeralContainers");
}

/// Existing ephemeral containers may not be changed or removed.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::default();
    let at = At::root(new).child("spec").child("ephemeralContainers");
    let wanted = at.array();
    let existing = old.pointer("/spec/ephemeralContainers").and_then(Value::as_array);
    for container in existing.into_iter().flatten() {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        match wanted.iter().find(|new| new.get("name").and_then(Value::as_str) == Some(name)) {
            None => errors.forbidden(&at, format!("existing ephemeral containers \"{name}\" may not be removed\n")),
            Some(new) if new != container => {
                errors.forbidden(&at, format!("existing ephemeral containers \"{name}\" may not be changed\n"));
            }
            Some(_) => {}
        }
    }
    errors
}
