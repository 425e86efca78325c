//! What the tests of kinds share.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::strategy::{Context, Strategy, create_errors, update_errors};
use crate::field::Errors;

/// Time of every test.
pub fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// Context of every test.
pub fn cx() -> Context {
    Context::of_tester(now())
}

/// Lays `patch` over `base`: objects merge, null removes, everything else replaces.
pub fn overlay(base: &Value, patch: &Value) -> Value {
    let (Value::Object(base), Value::Object(patch)) = (base, patch) else { return patch.clone() };
    let mut out = base.clone();
    for (key, value) in patch {
        if value.is_null() {
            out.remove(key);
        } else {
            let merged = overlay(base.get(key).unwrap_or(&Value::Null), value);
            out.insert(key.clone(), merged);
        }
    }
    Value::Object(out)
}

/// Messages of a list of errors.
pub fn messages(errs: &Errors) -> Vec<String> {
    errs.iter().map(ToString::to_string).collect()
}

/// A copy with defaults.
pub fn defaulted(strategy: &dyn Strategy, obj: &Value) -> Value {
    let mut obj = obj.clone();
    strategy.default(&mut obj);
    obj
}

/// Defaults an object and says what is wrong with creating it.
pub fn create(strategy: &dyn Strategy, obj: &Value) -> Vec<String> {
    messages(&create_errors(strategy, &defaulted(strategy, obj), true))
}

/// Defaults and stores an object as a create does.
pub fn stored(strategy: &dyn Strategy, obj: &Value) -> Value {
    let mut obj = defaulted(strategy, obj);
    obj["metadata"]["uid"] = json!("uid-1");
    obj["metadata"]["resourceVersion"] = json!("1");
    obj["metadata"]["creationTimestamp"] = json!("2026-01-01T11:00:00Z");
    strategy.prepare_create(&cx(), &mut obj);
    obj
}

/// Updates what `base` became when stored with `patch` over it; returns the result and what is wrong with it.
pub fn update(strategy: &dyn Strategy, base: &Value, patch: &Value) -> (Value, Vec<String>) {
    let old = stored(strategy, base);
    let mut new = defaulted(strategy, &overlay(&old, patch));
    strategy.prepare_update(&cx(), &mut new, &old);
    let errs = messages(&update_errors(strategy, &new, &old, true));
    (new, errs)
}

/// Checks rows of (patch over `base`, messages of a create).
pub fn check_create(strategy: &dyn Strategy, base: &Value, rows: &[(Value, &[&str])]) {
    for (patch, expected) in rows {
        assert_eq!(create(strategy, &overlay(base, patch)), *expected, "{patch}");
    }
}

/// Checks rows of (patch over what `base` became when stored, messages of the update).
pub fn check_update(strategy: &dyn Strategy, base: &Value, rows: &[(Value, &[&str])]) {
    for (patch, expected) in rows {
        assert_eq!(update(strategy, base, patch).1, *expected, "{patch}");
    }
}

/// Checks that cells match columns in number, and returns them as text.
pub fn printed(strategy: &dyn Strategy, obj: &Value) -> String {
    let cells = strategy.cells(obj, now());
    assert_eq!(cells.len(), strategy.columns().len());
    let shown = cells.iter().map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
    shown.collect::<Vec<_>>().join(" | ")
}
