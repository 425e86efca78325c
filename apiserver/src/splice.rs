//! Puts a resourceVersion into an encoded object without parsing it.

use bytes::{BufMut, Bytes, BytesMut};

/// The most bytes a resourceVersion adds.
pub const ROOM: usize = "\"resourceVersion\":\"18446744073709551615\",".len();

/// Returns the object with `metadata.resourceVersion` set to `version`. `object` is compact JSON of an object that has
/// metadata without that field; anything else is returned as it is.
pub fn with_resource_version(object: &[u8], version: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(object.len() + ROOM);
    put_with_resource_version(&mut out, object, version);
    out.freeze()
}

/// Appends the object as [`with_resource_version`] returns it.
pub fn put_with_resource_version(out: &mut BytesMut, object: &[u8], version: u64) {
    let Some(at) = metadata_start(object) else { return out.put_slice(object) };
    let (head, tail) = object.split_at(at);
    out.put_slice(head);
    out.put_slice(format!("\"resourceVersion\":\"{version}\"").as_bytes());
    if tail.first() != Some(&b'}') {
        out.put_u8(b',');
    }
    out.put_slice(tail);
}

/// Appends a `PartialObjectMetadata` of an encoded object; `false` when it has no metadata.
pub fn put_partial(out: &mut BytesMut, object: &[u8], api_version: &str) -> bool {
    let Some(metadata) = metadata(object) else { return false };
    for part in [br#"{"kind":"PartialObjectMetadata","apiVersion":""#, api_version.as_bytes(), br#"","metadata":"#] {
        out.put_slice(part);
    }
    out.put_slice(metadata);
    out.put_u8(b'}');
    true
}

/// Appends an object without its `apiVersion` and `kind`, which stored objects begin with; one that does not is appended
/// whole.
pub fn put_untyped(out: &mut BytesMut, object: &[u8]) {
    let Some(rest) = after_type(object) else { return out.put_slice(object) };
    out.put_u8(b'{');
    out.put_slice(rest);
}

/// Returns what follows the type of an encoded object and the comma after it.
fn after_type(object: &[u8]) -> Option<&[u8]> {
    let rest = without_text_field(object.strip_prefix(b"{")?, b"\"apiVersion\":\"")?;
    without_text_field(rest, b"\"kind\":\"")
}

/// Drops a field whose value is a string, which `head` begins, and the comma after it.
fn without_text_field<'a>(fields: &'a [u8], head: &[u8]) -> Option<&'a [u8]> {
    let value = fields.starts_with(head).then(|| head.len() - 1)?;
    let rest = fields.get(skip_string(fields, value)?..)?;
    Some(rest.strip_prefix(b",").unwrap_or(rest))
}

/// Returns the JSON of an encoded object's metadata.
fn metadata(object: &[u8]) -> Option<&[u8]> {
    let start = metadata_start(object)? - 1;
    object.get(start..skip_value(object, start)?)
}

/// Finds the offset just after the opening brace of the top-level `metadata` object.
fn metadata_start(json: &[u8]) -> Option<usize> {
    let mut at = 1;
    if json.first() != Some(&b'{') {
        return None;
    }
    while json.get(at) == Some(&b'"') {
        let key_end = skip_string(json, at)?;
        let key = json.get(at + 1..key_end - 1)?;
        let value = key_end + 1;
        if key == b"metadata" {
            return (json.get(value) == Some(&b'{')).then_some(value + 1);
        }
        at = skip_value(json, value)? + 1;
    }
    None
}

/// Returns the offset after the string that starts at `at`.
fn skip_string(json: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Returns the offset after the value that starts at `at`.
fn skip_value(json: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match json.get(at)? {
            b'"' => {
                at = skip_string(json, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(object: Value) {
        let encoded = Bytes::from(serde_json::to_vec(&object).unwrap());
        let spliced: Value = serde_json::from_slice(&with_resource_version(&encoded, 42)).unwrap();
        let mut expected = object;
        expected["metadata"]["resourceVersion"] = "42".into();
        assert_eq!(spliced, expected);
        let alone: Value = serde_json::from_slice(metadata(&with_resource_version(&encoded, 42)).unwrap()).unwrap();
        assert_eq!(alone, expected["metadata"]);
    }

    #[test]
    fn the_version_lands_in_the_objects_own_metadata() {
        check(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}));
        check(json!({"metadata": {}}));
        check(json!({"data": {"a": "\"metadata\":{", "b\\": "}", "metadata": "{"}, "metadata": {"name": "x"}}));
        check(json!({"count": 3, "a": [1, {"metadata": {}}], "b": null, "metadata": {"name": "x"}}));
    }

    #[test]
    fn the_type_goes_and_the_rest_stays() {
        for (object, rest) in [
            (r#"{"apiVersion":"v1","kind":"X","metadata":{"kind":"Y"}}"#, r#"{"metadata":{"kind":"Y"}}"#),
            (r#"{"apiVersion":"v1","kind":"X"}"#, "{}"),
            (r#"{"kind":"X","apiVersion":"v1"}"#, r#"{"kind":"X","apiVersion":"v1"}"#),
            (r#"{"apiVersion":"v1","data":{}}"#, r#"{"apiVersion":"v1","data":{}}"#),
            ("[]", "[]"),
            (r#"{"apiVersion":"#, r#"{"apiVersion":"#),
        ] {
            let mut out = BytesMut::new();
            put_untyped(&mut out, object.as_bytes());
            assert_eq!(out, rest);
        }
    }

    #[test]
    fn what_is_no_object_stays() {
        for text in ["", "[]", "{}", "{\"metadata\":3}", "{\"a\":\"", "{\"a\":{\"b\""] {
            let bytes = Bytes::from(text);
            assert_eq!(with_resource_version(&bytes, 1), bytes);
            assert_eq!(metadata(&bytes), None);
        }
    }
}
