//! The keys that steer a patch, and the texts of errors.

use serde_json::Value;

use crate::patch::Error;

pub(super) const PATCH: &str = "$patch";
pub(super) const DELETE: &str = "delete";
pub(super) const REPLACE: &str = "replace";
pub(super) const MERGE: &str = "merge";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder";

/// Returns the field a directive such as `$setElementOrder/containers` is about.
///
/// # Errors
/// When the directive names no field.
pub(super) fn field_of<'a>(key: &'a str, directive: &str) -> Result<&'a str, Error> {
    key.strip_prefix(directive)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| if directive == DELETE_FROM_PRIMITIVE_LIST { bad_primitive_list() } else { bad_element_order() })
}

/// Says whether an item of a list asks to be deleted.
pub(super) fn is_deletion(item: &Value) -> bool {
    item.get(PATCH).and_then(Value::as_str) == Some(DELETE)
}

pub(super) fn no_merge_key(item: &Value, key: &str) -> Error {
    Error::Unmergeable(format!("map: {} does not contain declared merge key: {key}", go(item)))
}

pub(super) fn expected(wanted: &str, found: &Value) -> Error {
    Error::Unmergeable(format!("expected a {wanted}, but received a {}", go_kind(found)))
}

pub(super) fn bad_patch_type(directive: &Value, map: &Value) -> Error {
    Error::Unmergeable(format!("unknown patch type: {} in map: {}", go(directive), go(map)))
}

pub(super) fn bad_primitive_list() -> Error {
    Error::Malformed("invalid patch format of primitive list".to_owned())
}

pub(super) fn bad_element_order() -> Error {
    Error::Malformed("invalid patch format of setElementOrder list".to_owned())
}

pub(super) fn bad_retain_keys() -> Error {
    Error::Malformed("invalid patch format of retainKeys".to_owned())
}

pub(super) fn list_of_lists() -> Error {
    Error::Unprocessable("lists of lists are not supported".to_owned())
}

/// Renders a value as Go's `%v` does: `map[a:1 b:[x y]]`.
pub fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(k, _)| *k);
            format!("map[{}]", entries.into_iter().map(|(k, v)| format!("{k}:{}", go(v))).collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// What the items of a list are. Go's types tell whole numbers from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    String,
    List,
    Map,
}

impl Kind {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(n) if n.is_f64() => Self::Float,
            Value::Number(_) => Self::Int,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Map,
        }
    }

    /// Returns what all items of two lists are; `None` when both are empty.
    ///
    /// # Errors
    /// When the items differ, or are lists.
    pub(super) fn of_items(a: &[Value], b: &[Value]) -> Result<Option<Self>, Error> {
        let mut kinds = a.iter().chain(b).map(Self::of);
        let Some(first) = kinds.next() else { return Ok(None) };
        if first == Self::List {
            return Err(list_of_lists());
        }
        if kinds.any(|k| k != first) {
            let shown = go(&Value::Array(vec![Value::Array(a.to_vec()), Value::Array(b.to_vec())]));
            return Err(Error::Unmergeable(format!("list element types are not identical: {shown}")));
        }
        Ok(Some(first))
    }
}
