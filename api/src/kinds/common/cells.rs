//! Cells that several kinds print alike, beside those in [`crate::kinds::printing`].

use serde_json::Value;

use super::values::text;
use crate::kinds::printing::UNKNOWN;

/// How many entries of a long list are printed.
const SHOWN: usize = 3;

/// Joins the first three texts by commas and counts the others: `a,b,c + 2 more...`; `empty` when there are none.
#[must_use]
pub fn shortened(all: &[String], empty: &str) -> String {
    if all.is_empty() {
        return empty.to_owned();
    }
    let head = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(",");
    match all.len().saturating_sub(SHOWN) {
        0 => head,
        more => format!("{head} + {more} more..."),
    }
}

/// The time of creation itself, as the RBAC kinds and LimitRange print it.
#[must_use]
pub fn created_at(obj: &Value) -> Value {
    match text(obj, "/metadata/creationTimestamp") {
        "" => UNKNOWN.into(),
        time => time.into(),
    }
}

/// The text at a JSON pointer, or another text when it is unset or empty.
#[must_use]
pub fn text_or(obj: &Value, pointer: &str, empty: &str) -> Value {
    match text(obj, pointer) {
        "" => empty.into(),
        text => text.into(),
    }
}

/// The boolean at a JSON pointer as text, or another text when it is unset.
#[must_use]
pub fn bool_or(obj: &Value, pointer: &str, unset: &str) -> Value {
    match obj.pointer(pointer).and_then(Value::as_bool) {
        Some(value) => value.to_string().into(),
        None => unset.into(),
    }
}

/// Says whether an object is marked as the default of its class by an annotation with value `true`.
#[must_use]
pub fn is_marked(obj: &Value, annotation: &str) -> bool {
    crate::meta::annotation(obj, annotation) == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened() {
        let texts = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(shortened(&texts(0), "<none>"), "<none>");
        assert_eq!(shortened(&texts(3), ""), "0,1,2");
        assert_eq!(shortened(&texts(5), ""), "0,1,2 + 2 more...");
    }
}
