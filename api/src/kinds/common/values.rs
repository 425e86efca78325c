//! Reading and filling fields of `Value`s. A null is the same as an absent field, and a write to something that is no object
//! does nothing, so none of this can fail on input.

use serde_json::{Map, Value};

/// Says whether a field is absent or null.
pub fn is_unset(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

/// Says whether a field has Go's zero value: unset, empty text, list or map, 0 or false.
pub fn is_zero(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Bool(b)) => !b,
        Some(Value::Number(n)) => n.as_f64() == Some(0.0),
        Some(Value::String(s)) => s.is_empty(),
        Some(Value::Array(a)) => a.is_empty(),
        Some(Value::Object(o)) => o.is_empty(),
    }
}

/// Sets a field that is unset (a pointer in upstream's types).
pub fn fill(obj: &mut Value, field: &str, value: impl Into<Value>) {
    if is_unset(obj.get(field)) {
        set(obj, field, value);
    }
}

/// Sets a field that is unset or zero (a plain value in upstream's types).
pub fn fill_zero(obj: &mut Value, field: &str, value: impl Into<Value>) {
    if is_zero(obj.get(field)) {
        set(obj, field, value);
    }
}

/// Sets a field.
pub fn set(obj: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(map) = obj.as_object_mut() {
        map.insert(field.to_owned(), value.into());
    }
}

/// Removes a field.
pub fn remove(obj: &mut Value, field: &str) {
    if let Some(map) = obj.as_object_mut() {
        map.remove(field);
    }
}

/// Returns a field that is an object, making an empty one when it is unset. `None` when `obj` or the field has another type.
pub fn ensure<'a>(obj: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    let slot = obj.as_object_mut()?.entry(field.to_owned()).or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot.is_object().then_some(slot)
}

/// Runs `f` on a field that is set, and does nothing otherwise.
pub fn within(obj: &mut Value, field: &str, f: impl FnOnce(&mut Value)) {
    if let Some(value) = obj.get_mut(field).filter(|v| !v.is_null()) {
        f(value);
    }
}

/// Runs `f` on every item of a list field.
pub fn each(obj: &mut Value, field: &str, f: impl FnMut(&mut Value)) {
    if let Some(items) = obj.get_mut(field).and_then(Value::as_array_mut) {
        items.iter_mut().for_each(f);
    }
}

/// Returns the items of a list at a JSON pointer; empty when there is none.
pub fn list<'a>(obj: &'a Value, pointer: &str) -> &'a [Value] {
    obj.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the text at a JSON pointer; empty when there is none.
pub fn text<'a>(obj: &'a Value, pointer: &str) -> &'a str {
    obj.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the integer at a JSON pointer.
pub fn int(obj: &Value, pointer: &str) -> Option<i64> {
    obj.pointer(pointer).and_then(Value::as_i64)
}

/// Returns how many items or entries there are at a JSON pointer; 0 when there is none.
pub fn len(obj: &Value, pointer: &str) -> usize {
    match obj.pointer(pointer) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        _ => 0,
    }
}

/// Finds a condition of a status by its type.
pub fn condition<'a>(obj: &'a Value, kind: &str) -> Option<&'a Value> {
    list(obj, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Says whether there is `true` at a JSON pointer.
pub fn is_true(obj: &Value, pointer: &str) -> bool {
    obj.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// Compares two values as Go's `equality.Semantic.DeepEqual` does after decoding: unset, null, empty lists and empty maps
/// inside objects are the same. (Quantities are canonical after defaulting and compare as text.)
pub fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => same_maps(a, b),
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (Some(a), Some(b)) if a == b => true,
        (a, b) => is_nothing(a) && is_nothing(b),
    }
}

fn same_maps(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    // Most have the same fields, and then none has to be looked up.
    if a.len() == b.len() {
        let mut pairs = a.iter().zip(b);
        match pairs.find(|((k, a), (l, b))| k != l || !same(Some(a), Some(b))) {
            None => return true,
            Some(((k, _), (l, _))) if k == l => return false,
            // One has a field that the other has not, which may be an empty one.
            Some(_) => {}
        }
    }
    a.iter().all(|(k, v)| same(Some(v), b.get(k))) && b.iter().all(|(k, v)| a.contains_key(k) || is_nothing(Some(v)))
}

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(a)) => a.is_empty(),
        Some(Value::Object(o)) => o.values().all(|v| is_nothing(Some(v))),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sameness_ignores_emptiness_only() {
        let same = |a: Value, b: Value| same(Some(&a), Some(&b));
        assert!(same(json!({"a": 1, "b": [], "c": {"d": null}}), json!({"a": 1})));
        assert!(same(json!({}), json!({"x": {}})));
        assert!(!same(json!({"a": ["x"]}), json!({"a": []})));
        assert!(!same(json!({"a": 0}), json!({})));
        assert!(same(json!([{"a": 1}]), json!([{"a": 1, "b": null}])));
        assert!(same(json!({"a": 1, "b": []}), json!({"a": 1, "c": {}})));
        assert!(!same(json!({"a": 1, "b": [], "d": 1}), json!({"a": 1, "c": {}, "d": 2})));
    }
}
