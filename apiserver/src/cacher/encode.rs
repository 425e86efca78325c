use bytes::{BufMut, Bytes, BytesMut};
use corvette_store::Revision;
use serde_json::{Map, Value};

/// What stands first in a stored object, in this order.
const FIRST: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// What an object's metadata have only outside the store.
const TRANSIENT: [&str; 2] = ["resourceVersion", "selfLink"];
const VERSION: &str = "\"resourceVersion\":\"";

/// Encodes an object for the store: compact JSON, `apiVersion`, `kind` and `metadata` first (so that the
/// resourceVersion can be put in without parsing), without `resourceVersion` and `selfLink`.
///
/// # Errors
/// None for an object; the signature is serde's.
pub fn encode_for_store(object: &Value) -> serde_json::Result<Bytes> {
    let Some(fields) = object.as_object() else { return serde_json::to_vec(object).map(Bytes::from) };
    let mut out = Object::new();
    for name in FIRST {
        match (name, fields.get(name)) {
            ("metadata", Some(Value::Object(metadata))) => out.field(name, |out| write_metadata(out, metadata))?,
            (_, Some(value)) => out.field(name, |out| write(out, value))?,
            (_, None) => {}
        }
    }
    for (name, value) in fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str())) {
        out.field(name, |out| write(out, value))?;
    }
    Ok(out.end())
}

fn write_metadata(out: &mut BytesMut, metadata: &Map<String, Value>) -> serde_json::Result<()> {
    let mut inner = Object(std::mem::take(out));
    inner.0.put_u8(b'{');
    for (name, value) in metadata.iter().filter(|(name, _)| !TRANSIENT.contains(&name.as_str())) {
        inner.field(name, |out| write(out, value))?;
    }
    *out = inner.0;
    out.put_u8(b'}');
    Ok(())
}

fn write(out: &mut BytesMut, value: &impl serde::Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(out.writer(), value)
}

/// An object being written.
struct Object(BytesMut);

impl Object {
    fn new() -> Self {
        let mut out = BytesMut::with_capacity(1024);
        out.put_u8(b'{');
        Self(out)
    }

    fn field(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut BytesMut) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        if self.0.last() != Some(&b'{') {
            self.0.put_u8(b',');
        }
        write(&mut self.0, &name)?;
        self.0.put_u8(b':');
        value(&mut self.0)
    }

    fn end(mut self) -> Bytes {
        self.0.put_u8(b'}');
        self.0.freeze()
    }
}

/// Replaces the resourceVersion `from` of an object that was stored.
pub(super) fn replace_version(json: &Bytes, from: Revision, to: Revision) -> Bytes {
    let old = format!("{VERSION}{from}\"");
    let Some(at) = memchr::memmem::find(json, old.as_bytes()) else { return json.clone() };
    let (head, rest) = json.split_at(at);
    let tail = rest.get(old.len()..).unwrap_or_default();
    let mut out = BytesMut::with_capacity(json.len() + 8);
    out.put_slice(head);
    out.put_slice(format!("{VERSION}{to}\"").as_bytes());
    out.put_slice(tail);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_head_of_a_stored_object_is_fixed_and_nothing_transient_is_kept() {
        let object = json!({
            "data": {"a": "b"},
            "apiVersion": "v1",
            "metadata": {"name": "x", "resourceVersion": "7", "selfLink": "/x", "labels": {}},
            "kind": "ConfigMap",
        });
        let stored = encode_for_store(&object).unwrap();
        let text = std::str::from_utf8(&stored).unwrap();
        assert!(text.starts_with(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"#), "{text}");
        let mut expected = object;
        for name in TRANSIENT {
            expected["metadata"].as_object_mut().unwrap().remove(name);
        }
        assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), expected);
        for empty in [json!({}), json!({"metadata": {"resourceVersion": "1"}}), json!([1])] {
            let stored = encode_for_store(&empty).unwrap();
            assert!(serde_json::from_slice::<Value>(&stored).is_ok(), "{stored:?}");
        }
    }

    #[test]
    fn the_version_is_put_in_and_replaced() {
        let object =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "s": "\"resourceVersion\":\"7\""});
        let seven = crate::splice::with_resource_version(&encode_for_store(&object).unwrap(), 7);
        let long = replace_version(&seven, Revision(7), Revision(123_456));
        for (json, version) in [(seven, "7"), (long, "123456")] {
            let mut expected = object.clone();
            expected["metadata"]["resourceVersion"] = version.into();
            assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), expected);
        }
    }
}
