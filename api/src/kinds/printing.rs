//! Cells that several kinds print alike.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::common::values::{list, text};
use crate::labels::Selector;
use crate::time::duration::HumanDuration;

/// What is printed for a value that is not there.
pub const NONE: &str = "<none>";
/// What is printed for a value that cannot be told.
pub const UNKNOWN: &str = "<unknown>";
/// What is printed for a field that is not set.
pub const UNSET: &str = "<unset>";

/// The object's name.
pub fn name(obj: &Value) -> Value {
    text(obj, "/metadata/name").into()
}

/// Time since the object was created.
pub fn age(obj: &Value, now: Timestamp) -> Value {
    since(text(obj, "/metadata/creationTimestamp"), now).into()
}

/// Time since an RFC 3339 time, as `kubectl` prints it; `<unknown>` when it is unset.
pub fn since(time: &str, now: Timestamp) -> String {
    time.parse::<Timestamp>().map_or_else(|_| UNKNOWN.to_owned(), |then| between(then, now))
}

/// Time from one moment to another, as `kubectl` prints it.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    HumanDuration(to.duration_since(from)).to_string()
}

/// A map of labels as `a=b,c=d`, or `<none>`.
pub fn labels(map: Option<&Map<String, Value>>) -> String {
    let mut pairs: Vec<String> =
        map.into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() {
        return NONE.to_owned();
    }
    pairs.sort();
    pairs.join(",")
}

/// A label selector in its short form; `<none>` when it selects everything or is unset.
pub fn label_selector(selector: Option<&Value>) -> String {
    match selector.filter(|s| !s.is_null()) {
        None => NONE.to_owned(),
        Some(selector) => match Selector::from_label_selector(selector) {
            Ok(parsed) => Some(parsed.to_string()).filter(|t| !t.is_empty()).unwrap_or_else(|| NONE.to_owned()),
            Err(_) => "<error>".to_owned(),
        },
    }
}

/// One field of the containers of the pod spec at a JSON pointer, joined by commas.
pub fn containers(obj: &Value, spec: &str, field: &str) -> String {
    let containers = list(obj, &format!("{spec}/containers"));
    containers.iter().map(|c| c.get(field).and_then(Value::as_str).unwrap_or_default()).collect::<Vec<_>>().join(",")
}
