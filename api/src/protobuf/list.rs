//! Lists, item by item.

use serde_json::Value;

use super::error::{Error, Result};
use super::table::{self, Cardinality, Field, Kind, Message};
use super::writer::Writer;
use super::{encode, envelope};

/// A list being encoded. Each item is written when it comes, so that no more than one is held as a value.
#[derive(Debug)]
pub struct List<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: &'static Field,
    items: &'static Field,
    item: &'static Message,
    written: Vec<u8>,
}

impl<'a> List<'a> {
    /// Begins a list of a list kind, such as `PodList`.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] when the kind has no message, or one that is no list.
    pub fn new(api_version: &'a str, kind: &'a str) -> Result<Self> {
        let unknown = || Error::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let [metadata, items] = table::of_kind(api_version, kind).ok_or_else(unknown)?.fields.as_slice() else {
            return Err(unknown());
        };
        match (metadata.name, items.name, items.cardinality, items.kind) {
            ("metadata", "items", Cardinality::List, Kind::Message(id)) => {
                Ok(Self { api_version, kind, metadata, items, item: table::get(id), written: Vec::new() })
            }
            _ => Err(unknown()),
        }
    }

    /// Appends an object; its apiVersion and kind are the list's.
    ///
    /// # Errors
    /// [`Error::Unfit`] when a value does not fit its field.
    pub fn push(&mut self, object: &Value) -> Result<()> {
        let mut writer = Writer::default();
        encode::value(self.item, Some(object), self.items.name, &mut writer)?;
        writer.close(self.items.number, 0);
        self.written.extend(writer.finish());
        Ok(())
    }

    /// Ends the list and returns it with its envelope.
    ///
    /// # Errors
    /// [`Error::Unfit`] when the list's metadata do not fit.
    pub fn finish(self, metadata: &Value) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        envelope::write(&mut writer, self.api_version, self.kind, |writer| {
            writer.raw(&self.written);
            if let Kind::Message(id) = self.metadata.kind {
                let start = writer.len();
                encode::value(table::get(id), Some(metadata), self.metadata.name, writer)?;
                writer.close(self.metadata.number, start);
            }
            Ok(())
        })?;
        Ok(writer.finish())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protobuf::encode;

    #[test]
    fn a_list_is_the_same_item_by_item() {
        let pod = |name: &str| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]}});
        let metadata = json!({"resourceVersion": "7", "continue": "x", "remainingItemCount": 3});
        let whole = json!({"apiVersion": "v1", "kind": "PodList", "metadata": metadata, "items": [pod("a"), pod("b")]});
        let mut list = List::new("v1", "PodList").unwrap();
        list.push(&pod("a")).unwrap();
        list.push(&pod("b")).unwrap();
        assert_eq!(list.finish(&metadata), encode(&whole));
        let empty = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}});
        assert_eq!(List::new("v1", "PodList").unwrap().finish(&json!({})), encode(&empty));
    }

    #[test]
    fn every_list_kind_is_a_list() {
        let gvks = crate::schema::definitions().iter().flat_map(|def| def.gvks());
        let lists: Vec<_> = gvks.filter(|gvk| gvk.kind.ends_with("List") && !gvk.kind.starts_with("API")).collect();
        assert!(lists.len() > 70);
        for gvk in lists {
            let api_version = crate::gvk::join_api_version(gvk.group, gvk.version);
            assert!(List::new(&api_version, gvk.kind).is_ok(), "{api_version} {}", gvk.kind);
        }
        assert!(List::new("v1", "Pod").is_err());
        assert!(List::new("meta.k8s.io/v1", "PartialObjectMetadataList").is_ok());
    }
}
