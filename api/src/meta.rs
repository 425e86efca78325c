//! Reads and writes an object's metadata.
//!
//! Getters treat an absent or wrongly typed field as empty; setters make what is missing.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::gvk::GroupVersionKind;
use crate::time;

/// Returns `apiVersion`; empty when absent.
pub fn api_version(object: &Value) -> &str {
    text(object.get("apiVersion"))
}

/// Returns `kind`; empty when absent.
pub fn kind(object: &Value) -> &str {
    text(object.get("kind"))
}

/// Returns group, version and kind of an object.
pub fn gvk(object: &Value) -> GroupVersionKind {
    GroupVersionKind::from_api_version(api_version(object), kind(object))
}

/// Sets `apiVersion` and `kind`.
pub fn set_gvk(object: &mut Value, api_version: &str, kind: &str) {
    if let Value::Object(map) = object {
        map.insert("apiVersion".to_owned(), api_version.into());
        map.insert("kind".to_owned(), kind.into());
    }
}

/// Returns the metadata map.
pub fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata").and_then(Value::as_object)
}

/// Returns the metadata map, making it when it is missing. An object that is no map becomes one.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_map(as_map(object), "metadata")
}

/// Returns one field of the metadata.
pub fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    metadata(object)?.get(name)
}

/// Sets one field of the metadata.
pub fn set_field(object: &mut Value, name: &str, value: impl Into<Value>) {
    metadata_mut(object).insert(name.to_owned(), value.into());
}

/// Removes one field of the metadata and returns it.
pub fn remove_field(object: &mut Value, name: &str) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove(name)
}

/// Removes lists and maps of the metadata that hold nothing: upstream keeps none of them.
pub fn remove_empty(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in ["annotations", "finalizers", "labels", "ownerReferences"] {
        let empty = match metadata.get(name) {
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Object(map)) => map.is_empty(),
            _ => false,
        };
        if empty {
            metadata.remove(name);
        }
    }
}

/// Returns the name; empty when absent.
pub fn name(object: &Value) -> &str {
    text(field(object, "name"))
}

/// Returns the namespace; empty when absent.
pub fn namespace(object: &Value) -> &str {
    text(field(object, "namespace"))
}

/// Returns `generateName`; empty when absent.
pub fn generate_name(object: &Value) -> &str {
    text(field(object, "generateName"))
}

/// Returns the uid; empty when absent.
pub fn uid(object: &Value) -> &str {
    text(field(object, "uid"))
}

/// Returns the resource version; empty when absent.
pub fn resource_version(object: &Value) -> &str {
    text(field(object, "resourceVersion"))
}

/// Returns the generation; 0 when absent.
pub fn generation(object: &Value) -> i64 {
    field(object, "generation").and_then(Value::as_i64).unwrap_or_default()
}

/// Returns the labels.
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    field(object, "labels").and_then(Value::as_object)
}

/// Returns one label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object)?.get(key)?.as_str()
}

/// Returns the annotations.
pub fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    field(object, "annotations").and_then(Value::as_object)
}

/// Returns one annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object)?.get(key)?.as_str()
}

/// Iterates over the finalizers.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    list(field(object, "finalizers")).iter().filter_map(Value::as_str)
}

/// Says whether a finalizer is set.
pub fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    finalizers(object).any(|f| f == finalizer)
}

/// Returns the owner references.
pub fn owner_references(object: &Value) -> &[Value] {
    list(field(object, "ownerReferences"))
}

/// Returns the owner reference whose `controller` is true.
pub fn controller_of(object: &Value) -> Option<&Value> {
    owner_references(object).iter().find(|r| r.get("controller").and_then(Value::as_bool) == Some(true))
}

/// Returns `deletionTimestamp` as text.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    field(object, "deletionTimestamp").and_then(Value::as_str)
}

/// Says whether deletion of the object has begun.
pub fn is_being_deleted(object: &Value) -> bool {
    deletion_timestamp(object).is_some()
}

/// Returns the grace period of a running deletion in seconds.
pub fn deletion_grace_period_seconds(object: &Value) -> Option<i64> {
    field(object, "deletionGracePeriodSeconds").and_then(Value::as_i64)
}

/// Returns `creationTimestamp` as text.
pub fn creation_timestamp(object: &Value) -> Option<&str> {
    field(object, "creationTimestamp").and_then(Value::as_str)
}

/// Returns `creationTimestamp` parsed; `None` when absent or malformed.
pub fn created_at(object: &Value) -> Option<Timestamp> {
    time::parse(creation_timestamp(object)?).ok()
}

/// Sets the name.
pub fn set_name(object: &mut Value, name: &str) {
    set_field(object, "name", name);
}

/// Sets the namespace; an empty one removes the field.
pub fn set_namespace(object: &mut Value, namespace: &str) {
    if namespace.is_empty() {
        remove_field(object, "namespace");
    } else {
        set_field(object, "namespace", namespace);
    }
}

/// Sets the uid.
pub fn set_uid(object: &mut Value, uid: &str) {
    set_field(object, "uid", uid);
}

/// Sets the resource version; an empty one removes the field.
pub fn set_resource_version(object: &mut Value, version: &str) {
    if version.is_empty() {
        remove_field(object, "resourceVersion");
    } else {
        set_field(object, "resourceVersion", version);
    }
}

/// Sets the generation; 0 removes the field.
pub fn set_generation(object: &mut Value, generation: i64) {
    if generation == 0 {
        remove_field(object, "generation");
    } else {
        set_field(object, "generation", generation);
    }
}

/// Sets `creationTimestamp`.
pub fn set_creation_timestamp(object: &mut Value, at: Timestamp) {
    set_field(object, "creationTimestamp", time::format(at));
}

/// Sets `deletionTimestamp`.
pub fn set_deletion_timestamp(object: &mut Value, at: Timestamp) {
    set_field(object, "deletionTimestamp", time::format(at));
}

/// Sets `deletionGracePeriodSeconds`.
pub fn set_deletion_grace_period_seconds(object: &mut Value, seconds: i64) {
    set_field(object, "deletionGracePeriodSeconds", seconds);
}

/// Sets the finalizers; an empty list removes the field.
pub fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        remove_field(object, "finalizers");
    } else {
        set_field(object, "finalizers", finalizers);
    }
}

/// Sets one label.
pub fn set_label(object: &mut Value, key: &str, value: &str) {
    child_map(metadata_mut(object), "labels").insert(key.to_owned(), value.into());
}

/// Sets one annotation.
pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    child_map(metadata_mut(object), "annotations").insert(key.to_owned(), value.into());
}

/// Makes a map of the value if it is none, and returns it.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("just made a map")
}

/// Returns the map in a field, making it when it is missing or no map.
pub fn child_map<'a>(map: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    if !map.get(name).is_some_and(Value::is_object) {
        map.insert(name.to_owned(), Value::Object(Map::new()));
    }
    map.get_mut(name).and_then(Value::as_object_mut).expect("just made a map")
}

/// Returns the list in a field, making it when it is missing or no list.
pub fn child_list<'a>(map: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    if !map.get(name).is_some_and(Value::is_array) {
        map.insert(name.to_owned(), Value::Array(Vec::new()));
    }
    map.get_mut(name).and_then(Value::as_array_mut).expect("just made a list")
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn getters_read_what_setters_wrote() {
        let mut object = json!({"kind": "Pod", "apiVersion": "v1"});
        assert_eq!((name(&object), generation(&object), labels(&object)), ("", 0, None));
        set_name(&mut object, "a");
        set_namespace(&mut object, "ns");
        set_generation(&mut object, 3);
        set_label(&mut object, "k", "v");
        set_finalizers(&mut object, vec!["f".to_owned()]);
        set_creation_timestamp(&mut object, "2024-05-01T10:00:00.5Z".parse().unwrap());
        assert_eq!(
            object,
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "ns", "generation": 3,
                   "labels": {"k": "v"}, "finalizers": ["f"], "creationTimestamp": "2024-05-01T10:00:00Z"}})
        );
        assert!(has_finalizer(&object, "f") && !is_being_deleted(&object));
        assert_eq!(label(&object, "k"), Some("v"));
        set_finalizers(&mut object, vec![]);
        set_generation(&mut object, 0);
        assert_eq!(field(&object, "finalizers"), None);
        assert_eq!(gvk(&object).to_string(), "/v1, Kind=Pod");
    }

    #[test]
    fn what_holds_nothing_goes() {
        let mut object = json!({"metadata": {"name": "a", "labels": {}, "annotations": {"a": ""}, "finalizers": []}});
        remove_empty(&mut object);
        assert_eq!(object, json!({"metadata": {"name": "a", "annotations": {"a": ""}}}));
    }

    #[test]
    fn the_controlling_owner_is_found() {
        let object = json!({"metadata": {"ownerReferences": [{"name": "a"}, {"name": "b", "controller": true}]}});
        assert_eq!(controller_of(&object).unwrap()["name"], "b");
    }
}
