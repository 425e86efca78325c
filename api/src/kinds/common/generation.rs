//! Status and `metadata.generation`: what survives a write of the main resource and of the status subresource.

use serde_json::{Map, Value};

use super::values::{int, same};

/// Sets `metadata.generation` to 1, the generation of every new object that counts them.
pub fn start(obj: &mut Value) {
    set(obj, 1);
}

/// Raises `metadata.generation` by one when anything but metadata and status differs, or one of these fields of metadata, and
/// keeps it otherwise. A client's own value never matters.
pub fn advance(new: &mut Value, old: &Value, counted: &[&str]) {
    let (now, before) = (new.get("metadata").unwrap_or(&Value::Null), old.get("metadata").unwrap_or(&Value::Null));
    let changed = desired(new, old).any(|field| !same(new.get(field), old.get(field)))
        || counted.iter().any(|field| !same(now.get(field), before.get(field)));
    let current = int(before, "/generation").unwrap_or(0);
    set(new, if changed { current.saturating_add(1) } else { current });
}

/// Keeps everything of `old` but `status`, `metadata.managedFields` and `metadata.resourceVersion` (status subresource update).
pub fn keep_all_but_status(new: &mut Value, old: &Value) {
    let mut kept = old.clone();
    carry(&mut kept, new, "status");
    keep_write_metadata(&mut kept, new);
    *new = kept;
}

/// Keeps everything of `old` but metadata and status: what most kinds do on the status subresource, where labels and
/// annotations may change too.
pub fn keep_desired(new: &mut Value, old: &Value) {
    for field in desired(new, old).map(str::to_owned).collect::<Vec<_>>() {
        carry(new, old, &field);
    }
}

/// Makes a field of `metadata` what it is in `old`, absence included.
pub fn carry_metadata(new: &mut Value, old: &Value, field: &str) {
    let stored = old.get("metadata").unwrap_or(&Value::Null);
    if let Some(metadata) = new.get_mut("metadata") {
        carry(metadata, stored, field);
    }
}

/// Copies `resourceVersion` and `managedFields` of a request onto an object that otherwise stays as stored.
pub fn keep_write_metadata(kept: &mut Value, request: &Value) {
    let Some(target) = kept.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in ["resourceVersion", "managedFields"] {
        match request.get("metadata").and_then(|m| m.get(field)) {
            Some(value) => target.insert(field.to_owned(), value.clone()),
            None => target.remove(field),
        };
    }
}

/// Makes a top-level field of `new` what it is in `old`, absence included.
pub fn carry(new: &mut Value, old: &Value, field: &str) {
    let Some(map) = new.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// Sets `metadata.generation`; 0 removes it.
pub fn set(obj: &mut Value, generation: i64) {
    let Some(map) = obj.as_object_mut() else { return };
    let metadata = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Some(metadata) = metadata.as_object_mut() else { return };
    if generation == 0 {
        metadata.remove("generation");
    } else {
        metadata.insert("generation".to_owned(), generation.into());
    }
}

/// Names of the fields of either object that say what is wanted, each once.
fn desired<'a>(new: &'a Value, old: &'a Value) -> impl Iterator<Item = &'a str> {
    const NOT_DESIRED: &[&str] = &["apiVersion", "kind", "metadata", "status"];
    let names = |object: &'a Value| object.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let gone = names(old).filter(|name| new.get(name).is_none());
    names(new).chain(gone).filter(|name| !NOT_DESIRED.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn generation_counts_changes_of_the_desired_state_only() {
        let old = json!({"metadata": {"generation": 4}, "spec": {"a": 1}, "status": {"x": 1}});
        let mut new = json!({"metadata": {"generation": 9, "labels": {"l": "1"}}, "spec": {"a": 1}});
        carry(&mut new, &old, "status");
        advance(&mut new, &old, &[]);
        assert_eq!(
            new,
            json!({"metadata": {"generation": 4, "labels": {"l": "1"}}, "spec": {"a": 1}, "status": {"x": 1}})
        );
        let mut new = json!({"metadata": {}, "spec": {"a": 2}});
        advance(&mut new, &old, &[]);
        assert_eq!(new["metadata"]["generation"], 5);
    }

    #[test]
    fn status_update_keeps_everything_else() {
        let old = json!({"metadata": {"name": "a", "labels": {"l": "1"}, "resourceVersion": "4"}, "spec": {"a": 1}, "status": {"x": 1}});
        let mut new = json!({"metadata": {"name": "a", "resourceVersion": "4"}, "spec": {"a": 2}, "status": {"x": 2}});
        keep_all_but_status(&mut new, &old);
        assert_eq!(new["spec"]["a"], 1);
        assert_eq!(new["status"]["x"], 2);
        assert_eq!(new["metadata"]["labels"]["l"], "1");
    }
}
