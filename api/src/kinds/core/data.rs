//! What ConfigMaps and Secrets share: the size limit and immutability.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::values;

/// Bytes that all values of one object may have together.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Returns how many bytes a base64 text stands for.
#[must_use]
pub fn decoded_len(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|b| *b == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

/// Forbids changes of an object whose stored version is immutable.
pub fn immutable(new: &Value, old: &Value, fields: &[&'static str], errs: &mut Errors) {
    const DETAIL: &str = "field is immutable when `immutable` is set";
    if !values::is_true(old, "/immutable") {
        return;
    }
    let root = At::root(new);
    if !root.child("immutable").is_true() {
        errs.forbidden(&root.child("immutable"), DETAIL);
    }
    for field in fields {
        let at = root.child(*field);
        if !values::same(at.value, old.get(field)) {
            errs.forbidden(&at, DETAIL);
        }
    }
}
