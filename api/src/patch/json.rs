//! JSON patch (RFC 6902).
//!
//! Texts follow `gopkg.in/evanphx/json-patch.v4`, which upstream uses.

use serde_json::Value;

use super::Error;
use crate::quote::quote;

/// Most operations in one patch.
pub const MAX_OPERATIONS: usize = 10_000;

/// Most bytes of JSON that the copies of one patch may add; copies of copies would double an object without end.
pub const MAX_COPIED: usize = 3 * 1024 * 1024;

/// Deepest nesting a patch may make, as for bodies: what is deeper could not be read again, and would exhaust the stack.
pub const MAX_DEPTH: usize = 127;

/// Applies a patch: an array of operations, all or none.
///
/// # Errors
/// [`Error::Malformed`] when the patch is no list of operations, [`Error::Unprocessable`] when one does not fit,
/// [`Error::TooLarge`] when there are more than [`MAX_OPERATIONS`], or copies add more than [`MAX_COPIED`].
pub fn apply(original: &Value, patch: &Value) -> Result<Value, Error> {
    let operations = patch.as_array().ok_or_else(|| {
        Error::Malformed("json: cannot unmarshal object into Go value of type jsonpatch.Patch".to_owned())
    })?;
    if operations.len() > MAX_OPERATIONS {
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", operations.len());
        return Err(Error::TooLarge(message));
    }
    let mut document = original.clone();
    let mut copied = 0;
    for operation in operations {
        step(&mut document, operation, &mut copied)?;
    }
    Ok(document)
}

fn step(document: &mut Value, operation: &Value, copied: &mut usize) -> Result<(), Error> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    let kind = text("op").unwrap_or("unknown");
    let place = || match text("path") {
        Some(path) => Pointer::parse(path).ok_or_else(|| missing(kind, path)),
        None => Err(unprocessable("missing operation path field")),
    };
    let source = || match text("from") {
        Some(path) => Pointer::parse(path).ok_or_else(|| missing(kind, path)),
        None => Err(unprocessable("missing operation from field")),
    };
    // An absent value is null, as upstream's decoder has it.
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match kind {
        "add" => place()?.add(document, value(), kind),
        "remove" => place()?.remove(document, kind).map(drop),
        "replace" => {
            let (place, value) = (place()?, value());
            place.bounded(&value)?;
            *place.find_mut(document).ok_or_else(|| missing(kind, place.text))? = value;
            Ok(())
        }
        "move" => {
            let (from, to) = (source()?, place()?);
            if to.is_inside(&from) {
                return Err(unprocessable(format!(
                    "error in move for path: {}: cannot move into itself",
                    quote(from.text)
                )));
            }
            let moved = from.remove(document, kind)?;
            to.add(document, moved, kind)
        }
        "copy" => {
            let from = source()?;
            let copy = from.find_mut(document).ok_or_else(|| missing(kind, from.text))?.clone();
            *copied += size(&copy);
            if *copied > MAX_COPIED {
                return Err(Error::TooLarge(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MAX_COPIED}"
                )));
            }
            place()?.add(document, copy, kind)
        }
        "test" => {
            let place = place()?;
            let found = place.find_mut(document).map_or(&Value::Null, |v| v);
            let wanted = value();
            // A path that is absent passes only a test for null.
            if equal(found, &wanted) {
                Ok(())
            } else {
                Err(unprocessable(format!("testing value {} failed: test failed", place.text)))
            }
        }
        other => Err(unprocessable(format!("Unexpected kind: {other}"))),
    }
}

fn unprocessable(message: impl Into<String>) -> Error {
    Error::Unprocessable(message.into())
}

/// Says that a path is not there.
fn missing(kind: &str, path: &str) -> Error {
    unprocessable(format!("{kind} operation does not apply: doc is missing path: {}: missing value", quote(path)))
}

/// Counts the bytes of a value's JSON, roughly.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>(),
        _ => 5,
    }
}

/// Counts the levels of a value.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Compares numbers by value, so that `1` is `1.0`.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, x)| y.get(k).is_some_and(|y| equal(x, y)))
        }
        _ => a == b,
    }
}

/// A JSON pointer (RFC 6901), split and unescaped.
struct Pointer<'a> {
    text: &'a str,
    tokens: Vec<String>,
}

impl<'a> Pointer<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let tokens = match text {
            "" => Vec::new(),
            _ => text.strip_prefix('/')?.split('/').map(|t| t.replace("~1", "/").replace("~0", "~")).collect(),
        };
        Some(Self { text, tokens })
    }

    fn is_inside(&self, other: &Self) -> bool {
        self.tokens.len() > other.tokens.len() && self.tokens.starts_with(&other.tokens)
    }

    fn find_mut<'v>(&self, document: &'v mut Value) -> Option<&'v mut Value> {
        descend(document, &self.tokens)
    }

    /// Refuses a value that would stand too deep here.
    fn bounded(&self, value: &Value) -> Result<(), Error> {
        if self.tokens.len() + depth(value) > MAX_DEPTH { Err(unprocessable("exceeded max depth")) } else { Ok(()) }
    }

    fn add(&self, document: &mut Value, value: Value, kind: &str) -> Result<(), Error> {
        self.bounded(&value)?;
        let absent = || missing(kind, self.text);
        let Some((last, parents)) = self.tokens.split_last() else {
            *document = value;
            return Ok(());
        };
        match descend(document, parents).ok_or_else(absent)? {
            Value::Object(map) => {
                map.insert(last.clone(), value);
                Ok(())
            }
            Value::Array(items) => {
                let index =
                    if last == "-" { items.len() } else { insert_index(last, items.len()).ok_or_else(absent)? };
                if index > items.len() {
                    let bounds = format!("Unable to access invalid index: {index}: invalid index referenced");
                    return Err(unprocessable(format!("error in {kind} for path: '{}': {bounds}", self.text)));
                }
                items.insert(index, value);
                Ok(())
            }
            _ => Err(absent()),
        }
    }

    fn remove(&self, document: &mut Value, kind: &str) -> Result<Value, Error> {
        let absent = || missing(kind, self.text);
        let (last, parents) = self.tokens.split_last().ok_or_else(absent)?;
        match descend(document, parents).ok_or_else(absent)? {
            Value::Object(map) => map.remove(last).ok_or_else(|| {
                unprocessable(format!(
                    "error in {kind} for path: '{}': Unable to remove nonexistent key: {last}: missing value",
                    self.text
                ))
            }),
            Value::Array(items) => match array_index(last, items.len()) {
                Some(index) if index < items.len() => Ok(items.remove(index)),
                Some(index) => Err(unprocessable(format!(
                    "error in {kind} for path: '{}': Unable to access invalid index: {index}: invalid index referenced",
                    self.text
                ))),
                None => Err(absent()),
            },
            _ => Err(absent()),
        }
    }
}

fn descend<'v>(mut at: &'v mut Value, tokens: &[String]) -> Option<&'v mut Value> {
    for token in tokens {
        at = match at {
            Value::Object(map) => map.get_mut(token)?,
            Value::Array(items) => {
                let index = array_index(token, items.len())?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// Reads an index; negative ones count from the end, which upstream's library allows.
fn array_index(token: &str, len: usize) -> Option<usize> {
    let index: i64 = token.parse().ok()?;
    if index >= 0 { usize::try_from(index).ok() } else { len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?) }
}

/// Reads the index of an insertion, where -1 is behind the last item.
fn insert_index(token: &str, len: usize) -> Option<usize> {
    array_index(token, if token.starts_with('-') { len + 1 } else { len })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_do_what_the_rfc_says() {
        let original = json!({"a": {"b": [1, 2]}, "c/d": "x", "e~f": null});
        for (patch, result) in [
            (
                json!([{"op": "add", "path": "/a/b/1", "value": 9}]),
                json!({"a": {"b": [1, 9, 2]}, "c/d": "x", "e~f": null}),
            ),
            (
                json!([{"op": "add", "path": "/a/b/-", "value": 9}]),
                json!({"a": {"b": [1, 2, 9]}, "c/d": "x", "e~f": null}),
            ),
            (json!([{"op": "remove", "path": "/c~1d"}]), json!({"a": {"b": [1, 2]}, "e~f": null})),
            (
                json!([{"op": "replace", "path": "/e~0f", "value": 1}]),
                json!({"a": {"b": [1, 2]}, "c/d": "x", "e~f": 1}),
            ),
            (
                json!([{"op": "move", "from": "/a/b/0", "path": "/a/n"}]),
                json!({"a": {"b": [2], "n": 1}, "c/d": "x", "e~f": null}),
            ),
            (
                json!([{"op": "copy", "from": "/a/b", "path": "/z"}]),
                json!({"a": {"b": [1, 2]}, "c/d": "x", "e~f": null, "z": [1, 2]}),
            ),
            (
                json!([{"op": "test", "path": "/a/b", "value": [1, 2.0]}, {"op": "remove", "path": "/a"}]),
                json!({"c/d": "x", "e~f": null}),
            ),
            (json!([{"op": "add", "path": "", "value": {}}]), json!({})),
        ] {
            assert_eq!(apply(&original, &patch), Ok(result), "{patch}");
        }
    }

    #[test]
    fn nesting_is_bounded_however_it_grows() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
        let deep = |levels: usize| "/a".repeat(levels);
        let exceeded = Err(Error::Unprocessable("exceeded max depth".to_owned()));
        let add = |at: usize, levels: usize| json!([{"op": "add", "path": deep(at), "value": nested(levels)}]);
        assert_eq!(apply(&nested(100), &add(100, 27)), Ok(nested(127)));
        assert_eq!(apply(&nested(100), &add(100, 28)), exceeded);
        assert_eq!(apply(&nested(100), &json!([{"op": "replace", "path": deep(100), "value": nested(28)}])), exceeded);
        // Each copy doubles the depth: sixteen make more levels than a thread's stack has room for.
        let copies = (0..16).map(|n| json!({"op": "copy", "from": "/a", "path": deep((64 << n) + 1)}));
        assert_eq!(apply(&nested(65), &Value::Array(copies.collect())), exceeded);
        assert_eq!(
            apply(&json!({"a": {}, "b": nested(126)}), &json!([{"op": "move", "from": "/b", "path": "/a/b"}])),
            exceeded
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let original = json!({"a": [1]});
        let message = |patch: Value| apply(&original, &patch).unwrap_err();
        for patch in [
            json!([{"op": "remove", "path": "/x"}]),
            json!([{"op": "replace", "path": "/x", "value": 1}]),
            json!([{"op": "add", "path": "/x/y", "value": 1}]),
            json!([{"op": "add", "path": "/a/5", "value": 1}]),
            json!([{"op": "test", "path": "/a/0", "value": 2}]),
            json!([{"op": "move", "from": "/a", "path": "/a/b"}]),
            json!([{"op": "jump", "path": "/a"}]),
            json!([{"path": "/a"}]),
            json!([{"op": "add", "value": 1}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
        ] {
            assert!(matches!(message(patch.clone()), Error::Unprocessable(_)), "{patch}");
        }
        assert_eq!(
            message(json!([{"op": "test", "path": "/a/0", "value": 2}])).to_string(),
            "testing value /a/0 failed: test failed"
        );
        assert!(
            message(json!([{"op": "remove", "path": "/x"}]))
                .to_string()
                .contains("Unable to remove nonexistent key: x")
        );
        assert!(matches!(message(json!({})), Error::Malformed(_)));
        let many = Value::Array(vec![json!({"op": "test", "path": "/a/0", "value": 1}); MAX_OPERATIONS + 1]);
        assert_eq!(message(many).to_status().code, 413);
        let doubling: Vec<Value> =
            (0..40).flat_map(|i| [json!({"op": "copy", "from": "", "path": format!("/x{i}")})]).collect();
        assert_eq!(message(Value::Array(doubling)).to_status().code, 413);
        assert_eq!(message(json!([{"op": "remove", "path": "/x"}])).to_status().code, 422);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = (0..3i32).prop_map(Value::from);
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-c~/]", inner, 0..3).prop_map(|m| m.into_iter().collect())
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn add_then_remove_is_the_original(original in any_value(), value in any_value(), key in "[x-z]") {
            if original.is_object() {
                let added = apply(&original, &json!([{"op": "add", "path": format!("/{key}"), "value": value}])).unwrap();
                prop_assert_eq!(&added[&key], &value);
                prop_assert_eq!(apply(&added, &json!([{"op": "remove", "path": format!("/{key}")}])).unwrap(), original);
            }
        }

        #[test]
        fn any_patch_applies_or_is_refused(original in any_value(), ops in proptest::collection::vec(
            ("(add|remove|replace|move|copy|test)", "(/[a-c0-1-]){0,3}", "(/[a-c0-1-]){0,3}", any_value()), 0..5)) {
            let patch = ops.into_iter().map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value})).collect();
            let _ = apply(&original, &patch);
        }
    }
}
