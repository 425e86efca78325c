//! The scale subresource: reading an `autoscaling/v1` Scale out of an object and writing one back.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::labels::Selector;

/// Where an object keeps what the scale subresource shows. Paths are JSON pointers (`/spec/replicas`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// Desired count.
    pub spec_replicas: Cow<'static, str>,
    /// Observed count.
    pub status_replicas: Cow<'static, str>,
    /// Label selector: an object (`LabelSelector` or plain map of labels) or a string; `None` when the kind has none.
    pub selector: Option<Cow<'static, str>>,
}

impl ScalePaths {
    /// The paths of every built-in kind that scales.
    pub const WORKLOAD: Self = Self {
        spec_replicas: Cow::Borrowed("/spec/replicas"),
        status_replicas: Cow::Borrowed("/status/replicas"),
        selector: Some(Cow::Borrowed("/spec/selector")),
    };
}

/// Builds the Scale that shows an object.
pub fn read(obj: &Value, paths: &ScalePaths) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = obj.get("metadata").and_then(|m| m.get(field)) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let count = |pointer: &str| obj.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut spec = Map::new();
    if count(&paths.spec_replicas) != 0 {
        spec.insert("replicas".to_owned(), count(&paths.spec_replicas).into());
    }
    let mut status = Map::new();
    status.insert("replicas".to_owned(), count(&paths.status_replicas).into());
    if let Some(selector) = selector_text(obj, paths).filter(|text| !text.is_empty()) {
        status.insert("selector".to_owned(), selector.into());
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

/// Writes the desired count of a Scale (0 when unset) into the object, and the Scale's `resourceVersion` when it names one,
/// so that the update is conditional as the client asked.
pub fn write(obj: &mut Value, scale: &Value, paths: &ScalePaths) {
    let replicas = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    let Some((parent, field)) = paths.spec_replicas.rsplit_once('/') else { return };
    let parent = match obj.pointer_mut(parent) {
        Some(parent) => parent,
        None => return,
    };
    if let Some(map) = parent.as_object_mut() {
        map.insert(field.to_owned(), replicas.into());
    }
    if let Some(version) =
        scale.pointer("/metadata/resourceVersion").filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))
        && let Some(metadata) = obj.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
}

fn selector_text(obj: &Value, paths: &ScalePaths) -> Option<String> {
    match obj.pointer(paths.selector.as_deref()?)? {
        Value::String(text) => Some(text.clone()),
        selector @ Value::Object(map) if map.contains_key("matchLabels") || map.contains_key("matchExpressions") => {
            Selector::from_label_selector(selector).ok().map(|s| s.to_string())
        }
        Value::Object(map) => {
            let mut pairs: Vec<String> =
                map.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
            pairs.sort();
            Some(pairs.join(","))
        }
        _ => None,
    }
}
