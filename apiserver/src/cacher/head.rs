//! As much of a stored object as labels and selectable fields need: the rest is passed over, not parsed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads the labels of an object, and its scalars down to `levels` names below its root (`status.phase` is on level 2).
///
/// # Errors
/// When the text is no JSON.
pub(super) fn read(json: &[u8], levels: usize) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let head = Wanted::Root(levels).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(head.unwrap_or_default())
}

/// What is wanted of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Labels, and scalars of so many levels below.
    Root(usize),
    /// The same of the metadata.
    Metadata(usize),
    /// The value if it is a scalar, else its scalars of so many levels below.
    Scalars(usize),
    All,
    Nothing,
}

impl Wanted {
    fn of_field(self, name: &str) -> Self {
        match self {
            Self::All => Self::All,
            Self::Root(levels) if name == "metadata" => Self::Metadata(levels.saturating_sub(1)),
            Self::Metadata(_) if name == "labels" => Self::All,
            Self::Root(levels) | Self::Metadata(levels) | Self::Scalars(levels) if levels > 0 => {
                Self::Scalars(levels - 1)
            }
            _ => Self::Nothing,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        if self == Self::Nothing {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| None);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Value>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if let Some(value) = map.next_value_seed(self.of_field(&name))? {
                fields.insert(name, value);
            }
        }
        Ok(Some(Value::Object(fields)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_shallow_scalars_are_read() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "type": "x", "list": [1, {"a": "b"}], "none": null,
            "metadata": {"name": "a", "labels": {"b": "c"}, "annotations": {"d": "e"}, "finalizers": ["f"]},
            "spec": {"nodeName": "n", "replicas": 3, "paused": true, "containers": [{"name": "c"}], "deep": {"er": 1}},
        });
        let text = object.to_string();
        let read = |levels| read(text.as_bytes(), levels).unwrap();
        assert_eq!(read(0), json!({"metadata": {"labels": {"b": "c"}}}));
        let one =
            json!({"apiVersion": "v1", "kind": "Pod", "type": "x", "metadata": {"labels": {"b": "c"}}, "spec": {}});
        assert_eq!(read(1), one);
        assert_eq!(
            read(2),
            json!({
                "apiVersion": "v1", "kind": "Pod", "type": "x",
                "metadata": {"name": "a", "labels": {"b": "c"}, "annotations": {}},
                "spec": {"nodeName": "n", "replicas": 3, "paused": true, "deep": {}},
            })
        );
        assert_eq!(read(3)["spec"]["deep"], json!({"er": 1}));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "not json", "{\"a\":", "{} {}"] {
            assert!(read(text.as_bytes(), 2).is_err(), "{text}");
        }
    }
}
