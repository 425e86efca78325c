use std::sync::Arc;

use bytes::Bytes;
use corvette_store::{KeyValue, Revision};
use serde_json::Value;

use super::event::EventType;
use super::frame::Frame;
use super::pairs::Pairs;
use super::spec::ResourceSpec;
use super::{encode, head};

/// The field that says on which node an object is: watches by it are indexed.
pub(super) const NODE_NAME: &str = "spec.nodeName";
/// How deep selectable fields are taken from, in names: all of them are scalars of the root or one level below.
const SELECTABLE_LEVELS: usize = 2;

/// An object as it was after one change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key in the store.
    pub key: Arc<str>,
    /// The revision of the change; of a deleted object the delete's.
    pub revision: Revision,
    /// Its labels.
    pub labels: Pairs,
    /// Its selectable fields; empty ones are left out.
    fields: Pairs,
    prefix: usize,
    /// The object in a watch event, as most who watch see the change.
    frame: Frame,
}

impl Entry {
    /// Makes an entry of what is stored, whose change most see as an event of `kind`.
    pub(super) fn of(spec: &ResourceSpec, kv: &KeyValue, kind: EventType) -> Self {
        let (labels, fields) = read(spec, &kv.value).unwrap_or_else(|error| {
            tracing::warn!(key = &*kv.key, %error, "a stored object cannot be read; it is served without labels");
            Default::default()
        });
        Self {
            key: kv.key.clone(),
            revision: kv.mod_revision,
            labels,
            fields,
            prefix: spec.prefix.len(),
            frame: Frame::of_stored(kind, &kv.value, kv.mod_revision),
        }
    }

    /// Returns the entry as it is seen by who may no longer see what it became: its old state, the new revision, gone.
    pub(super) fn at(&self, revision: Revision) -> Self {
        let json = encode::replace_version(&self.json(), self.revision, revision);
        Self { frame: Frame::new(EventType::Deleted, &json), revision, ..self.clone() }
    }

    /// Returns the object ready to be sent: compact JSON of the storage version with its resourceVersion.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.frame.object()
    }

    /// Returns how many bytes the object has with what it is sent in.
    pub(super) fn len(&self) -> usize {
        self.frame.len()
    }

    /// Returns the object as an event of `kind`.
    pub(super) fn frame(&self, kind: EventType) -> Bytes {
        self.frame.shown_as(kind)
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

    /// Returns a selectable field; empty when it is unset, or the resource has none of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        match name {
            "metadata.name" => self.name(),
            "metadata.namespace" => self.namespace(),
            _ => self.fields.get(name).unwrap_or_default(),
        }
    }

    /// Returns the key without the resource's prefix.
    pub(super) fn path(&self) -> &str {
        self.key.get(self.prefix..).unwrap_or_default()
    }
}

/// Reads labels and selectable fields.
fn read(spec: &ResourceSpec, json: &[u8]) -> serde_json::Result<(Pairs, Pairs)> {
    let levels = spec.extract.as_ref().map_or(0, |_| SELECTABLE_LEVELS);
    let head = head::read(json, levels)?;
    let labels = head.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?))).collect();
    let fields = spec.extract.as_ref().map(|extract| extract(&head)).unwrap_or_default();
    Ok((labels, fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
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
        Entry::of(&spec, &kv, EventType::Added)
    }

    #[test]
    fn key_labels_and_fields_are_read() {
        let extract: super::super::Extract = Arc::new(|pod| {
            vec![(NODE_NAME.into(), pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("").to_owned())]
        });
        for (extract, node) in [(Some(extract), "n1"), (None, "")] {
            let pod = entry("/registry/pods/default/x", extract);
            assert_eq!((pod.namespace(), pod.name()), ("default", "x"));
            assert_eq!((pod.labels.lookup("a"), pod.labels.lookup("c")), (Some("1"), None));
            assert_eq!((pod.field(NODE_NAME), pod.field("metadata.name")), (node, "x"));
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
        let entry = Entry::of(&spec, &kv, EventType::Added);
        assert_eq!((entry.labels.clone(), &*entry.json()), (Pairs::default(), &b"not json"[..]));
    }
}
