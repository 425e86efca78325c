//! Checks for data-driven tests of the small kinds: the strategy alone, without metadata.

use jiff::Timestamp;
use serde_json::Value;

use super::{Context, Strategy};

/// A request of nobody in particular.
pub fn context() -> Context {
    Context::of_tester(now())
}

/// The time tests run at.
pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// Defaults an object and asserts what validation says of it.
pub fn check(strategy: &dyn Strategy, mut obj: Value, expected: &[&str]) {
    strategy.default(&mut obj);
    let errors: Vec<String> = strategy.validate(&obj).iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected, "{obj}");
}

/// Defaults and prepares an update and asserts what validation says of it.
pub fn check_update(strategy: &dyn Strategy, mut old: Value, mut new: Value, expected: &[&str]) {
    strategy.default(&mut old);
    strategy.default(&mut new);
    strategy.prepare_update(&context(), &mut new, &old);
    let errors: Vec<String> = strategy.validate_update(&new, &old).iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected, "{new}");
}

/// Asserts the cells of an object; each cell is compared in its text form, without quotes.
pub fn check_cells(strategy: &dyn Strategy, obj: &Value, expected: &[&str]) {
    let cells: Vec<String> = strategy
        .cells(obj, now())
        .iter()
        .map(|c| c.as_str().map_or_else(|| c.to_string(), ToOwned::to_owned))
        .collect();
    assert_eq!(cells, expected, "{obj}");
    assert_eq!(cells.len(), strategy.columns().len());
}

/// Returns an object after defaulting, which must not change it a second time.
pub fn defaulted(strategy: &dyn Strategy, mut obj: Value) -> Value {
    strategy.default(&mut obj);
    let once = obj.clone();
    strategy.default(&mut obj);
    assert_eq!(obj, once, "defaulting is idempotent");
    obj
}
