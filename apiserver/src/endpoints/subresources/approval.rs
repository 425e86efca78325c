//! `approval`: sets the conditions of a certificate signing request.

use serde_json::Value;

/// Takes the conditions of `new`.
pub fn prepare(new: &mut Value, old: &Value) {
    super::keep_only(new, old, "status", "conditions");
}
