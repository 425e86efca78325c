use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use corvette_api::labels;
use corvette_store::{KeyValue, Revision};
use serde::Deserialize;
use serde_json::Value;

use super::encode;
use super::spec::ResourceSpec;

/// The field that says on which node an object is: watches by it are indexed.
pub(super) const NODE_NAME: &str = "spec.nodeName";

/// Labels, sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Iterates in order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl labels::Labels for Labels {
    fn lookup(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(have, _)| (**have).cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }
}

impl FromIterator<(String, String)> for Labels {
    /// Collects pairs that come sorted by key.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// An object as it was after one change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key in the store.
    pub key: Arc<str>,
    /// The revision of the change; of a deleted object the delete's.
    pub revision: Revision,
    /// The revision that created the object.
    pub create_revision: Revision,
    /// The object ready to be sent: compact JSON of the storage version with its resourceVersion.
    pub json: Bytes,
    /// Its labels.
    pub labels: Labels,
    fields: Box<[(Cow<'static, str>, Box<str>)]>,
    prefix: usize,
}

/// As little of an object as labels need.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Entry {
    /// Makes an entry of what is stored.
    pub(super) fn of(spec: &ResourceSpec, kv: &KeyValue) -> Self {
        let (labels, fields) = read(spec, &kv.value).unwrap_or_else(|error| {
            tracing::warn!(key = &*kv.key, %error, "a stored object cannot be read; it is served without labels");
            (Labels::default(), Vec::new())
        });
        Self {
            key: kv.key.clone(),
            revision: kv.mod_revision,
            create_revision: kv.create_revision,
            json: encode::with_version(&kv.value, kv.mod_revision),
            labels,
            fields: fields.into_iter().map(|(name, value)| (name, value.into())).collect(),
            prefix: spec.prefix.len(),
        }
    }

    /// Returns the entry as it is seen by who may no longer see what it became: its old state, the new revision.
    pub(super) fn at(&self, revision: Revision) -> Self {
        Self { json: encode::replace_version(&self.json, self.revision, revision), revision, ..self.clone() }
    }

    /// Returns the namespace; empty for an object of the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.path().split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.path();
        path.split_once('/').map_or(path, |(_, name)| name)
    }

    /// Returns a selectable field; `None` for one the resource does not have.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(self.name()),
            "metadata.namespace" => Some(self.namespace()),
            _ => self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| &**value),
        }
    }

    /// Returns the key without the resource's prefix.
    pub(super) fn path(&self) -> &str {
        self.key.get(self.prefix..).unwrap_or_default()
    }
}

fn read(spec: &ResourceSpec, json: &[u8]) -> serde_json::Result<(Labels, super::Fields)> {
    let Some(extract) = &spec.extract else {
        let head: Head = serde_json::from_slice(json)?;
        let labels = head.metadata.and_then(|metadata| metadata.labels).unwrap_or_default();
        return Ok((labels.into_iter().collect(), Vec::new()));
    };
    let object: Value = serde_json::from_slice(json)?;
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    // Sorted, also where maps keep the order of the text.
    let labels: BTreeMap<String, String> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    Ok((labels.into_iter().collect(), extract(&object)))
}

#[cfg(test)]
mod tests {
    use corvette_api::labels::Labels as _;
    use serde_json::json;

    use super::*;

    fn entry(key: &str, extract: Option<super::super::Extract>) -> Entry {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "x", "labels": {"b": "2", "a": "1"}},
            "spec": {"nodeName": "n1"},
        });
        let spec =
            ResourceSpec { prefix: "/registry/pods/".into(), api_version: "v1".into(), kind: "Pod".into(), extract };
        let value = encode::encode_for_store(&object).unwrap();
        let kv = KeyValue { key: key.into(), value, create_revision: Revision(1), mod_revision: Revision(2) };
        Entry::of(&spec, &kv)
    }

    #[test]
    fn key_labels_and_fields_are_read() {
        let extract: super::super::Extract = Arc::new(|pod| {
            vec![(NODE_NAME.into(), pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("").to_owned())]
        });
        for (extract, node) in [(Some(extract), Some("n1")), (None, None)] {
            let pod = entry("/registry/pods/default/x", extract);
            assert_eq!((pod.namespace(), pod.name()), ("default", "x"));
            assert_eq!((pod.labels.lookup("a"), pod.labels.lookup("c")), (Some("1"), None));
            assert_eq!((pod.field(NODE_NAME), pod.field("metadata.name")), (node, Some("x")));
        }
        let node = entry("/registry/pods/x", None);
        assert_eq!((node.namespace(), node.name()), ("", "x"));
    }

    #[test]
    fn an_unreadable_object_is_kept_without_labels() {
        let spec =
            ResourceSpec { prefix: "/registry/x/".into(), api_version: "v1".into(), kind: "X".into(), extract: None };
        let kv = KeyValue {
            key: "/registry/x/a".into(),
            value: "not json".into(),
            create_revision: Revision(1),
            mod_revision: Revision(1),
        };
        assert_eq!(Entry::of(&spec, &kv).labels, Labels::default());
    }
}
