//! `finalize`: replaces a namespace's `spec.finalizers`.

use serde_json::Value;

/// Takes the finalizers of `new`.
pub fn prepare(new: &mut Value, old: &Value) {
    super::keep_only(new, old, "spec", "finalizers");
}
