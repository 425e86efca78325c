//! JSON patch and merge patch: any JSON is applied or refused; the difference of two values gives the second.
#![no_main]

use corvette_api::patch::{json, merge};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some([original, patch]) = corvette_fuzz::json_parts(data) else { return };
    let _ = json::apply(&original, &patch);
    let mut merged = original.clone();
    merge::apply(&mut merged, patch.clone());
    if !has_null(&patch) && original.is_object() && patch.is_object() {
        let mut target = original.clone();
        merge::apply(&mut target, merge::diff(&original, &patch));
        assert_eq!(target, patch, "{original}");
    }
});

/// A merge patch cannot set null.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}
