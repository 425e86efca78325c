//! The protobuf form of the Swagger document that old clients ask for.
//!
//! The wire format is that of gnostic's `openapi.v2.Document` (`openapiv2/OpenAPIv2.proto @ v0.7`): only the fields that our
//! documents have are written. Extensions travel as YAML text, for which JSON serves.

use serde_json::Value;

/// Encodes a document that [`super::v2`] built.
#[must_use]
pub fn encode_v2(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, document.get("swagger"));
    out.message(2, |m| {
        let info = document.get("info");
        m.text(1, info.and_then(|i| i.get("title")));
        m.text(2, info.and_then(|i| i.get("version")));
    });
    out.message(8, |m| {
        for (path, item) in entries(document.get("paths")) {
            m.named(2, path, |m| path_item(m, item));
        }
    });
    out.message(9, |m| named_schemas(m, document.get("definitions")));
    out.0
}

/// Bytes of one message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or(0));
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn string(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn text(&mut self, field: u64, value: Option<&Value>) {
        self.string(field, value.and_then(Value::as_str).unwrap_or_default());
    }

    fn texts(&mut self, field: u64, value: Option<&Value>) {
        for text in items(value) {
            self.text(field, Some(text));
        }
    }

    fn flag(&mut self, field: u64, value: Option<&Value>) {
        if value.and_then(Value::as_bool) == Some(true) {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// A pair of a name and a message, gnostic's form of a map entry.
    fn named(&mut self, field: u64, name: &str, write: impl FnOnce(&mut Self)) {
        self.message(field, |m| {
            m.string(1, name);
            m.message(2, write);
        });
    }

    fn any(&mut self, field: u64, value: &Value) {
        self.message(field, |m| m.string(2, &value.to_string()));
    }

    fn extensions(&mut self, field: u64, object: &Value) {
        for (name, value) in entries(Some(object)).filter(|(name, _)| name.starts_with("x-")) {
            self.named(field, name, |m| m.string(2, &value.to_string()));
        }
    }
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn named_schemas(out: &mut Message, map: Option<&Value>) {
    for (name, value) in entries(map) {
        out.named(1, name, |m| schema(m, value));
    }
}

fn schema(out: &mut Message, value: &Value) {
    out.text(1, value.get("$ref"));
    out.text(2, value.get("format"));
    out.text(4, value.get("description"));
    if let Some(default) = value.get("default") {
        out.any(5, default);
    }
    out.texts(19, value.get("required"));
    match value.get("additionalProperties") {
        Some(inner @ Value::Object(_)) => out.message(21, |m| m.message(1, |m| schema(m, inner))),
        Some(flag @ Value::Bool(_)) => out.message(21, |m| m.flag(2, Some(flag))),
        _ => {}
    }
    if let Some(kind) = value.get("type") {
        out.message(22, |m| m.text(1, Some(kind)));
    }
    if let Some(inner) = value.get("items") {
        out.message(23, |m| m.message(1, |m| schema(m, inner)));
    }
    for inner in items(value.get("allOf")) {
        out.message(24, |m| schema(m, inner));
    }
    if let Some(properties) = value.get("properties") {
        out.message(25, |m| named_schemas(m, Some(properties)));
    }
    out.extensions(31, value);
}

fn path_item(out: &mut Message, item: &Value) {
    for (field, method) in
        [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (6, "options"), (7, "head"), (8, "patch")]
    {
        if let Some(value) = item.get(method) {
            out.message(field, |m| operation(m, value));
        }
    }
    for value in items(item.get("parameters")) {
        out.message(9, |m| m.message(1, |m| parameter(m, value)));
    }
    out.extensions(10, item);
}

fn operation(out: &mut Message, value: &Value) {
    out.texts(1, value.get("tags"));
    out.text(5, value.get("operationId"));
    out.texts(6, value.get("produces"));
    out.texts(7, value.get("consumes"));
    for value in items(value.get("parameters")) {
        out.message(8, |m| m.message(1, |m| parameter(m, value)));
    }
    out.message(9, |m| {
        for (code, reply) in entries(value.get("responses")) {
            m.named(1, code, |m| m.message(1, |m| response(m, reply)));
        }
    });
    out.extensions(13, value);
}

fn response(out: &mut Message, value: &Value) {
    out.text(1, value.get("description"));
    if let Some(inner) = value.get("schema") {
        out.message(2, |m| m.message(1, |m| schema(m, inner)));
    }
}

fn parameter(out: &mut Message, value: &Value) {
    let place = value.get("in").and_then(Value::as_str).unwrap_or_default();
    match place {
        "body" => out.message(1, |m| {
            m.text(2, value.get("name"));
            m.string(3, place);
            m.flag(4, value.get("required"));
            if let Some(inner) = value.get("schema") {
                m.message(5, |m| schema(m, inner));
            }
        }),
        "path" => out.message(2, |m| {
            m.message(4, |m| {
                m.flag(1, value.get("required"));
                m.string(2, place);
                m.text(4, value.get("name"));
                m.text(5, value.get("type"));
                m.flag(19, value.get("uniqueItems"));
            });
        }),
        _ => out.message(2, |m| {
            m.message(3, |m| {
                m.flag(1, value.get("required"));
                m.string(2, place);
                m.text(4, value.get("name"));
                m.text(6, value.get("type"));
                m.flag(20, value.get("uniqueItems"));
            });
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads the length-delimited fields of a message; other wire types are skipped.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let number = varint(&mut bytes);
            if key & 7 == 2 {
                let (value, rest) = bytes.split_at(usize::try_from(number).expect("length"));
                out.push((key >> 3, value.to_vec()));
                bytes = rest;
            }
        }
        out
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut out = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().expect("more");
            *bytes = rest;
            out |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        out
    }

    fn field(bytes: &[u8], number: u64) -> Vec<u8> {
        fields(bytes).into_iter().find(|(n, _)| *n == number).expect("field").1
    }

    #[test]
    fn schemas_are_found_where_clients_look() {
        let document = json!({
            "swagger": "2.0", "info": {"title": "t", "version": "v"}, "paths": {},
            "definitions": {"a.B": {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/definitions/c.D"}},
                "x-kubernetes-group-version-kind": [{"group": "", "kind": "B", "version": "v1"}]}},
        });
        let bytes = encode_v2(&document);
        assert_eq!(field(&bytes, 1), b"2.0");
        let named = field(&field(&bytes, 9), 1);
        assert_eq!(field(&named, 1), b"a.B");
        let schema = field(&named, 2);
        assert_eq!(field(&field(&schema, 22), 1), b"object");
        assert_eq!(field(&schema, 19), b"x");
        let property = field(&field(&schema, 25), 1);
        assert_eq!(field(&field(&property, 2), 1), b"#/definitions/c.D");
        let extension = field(&schema, 31);
        assert_eq!(field(&extension, 1), b"x-kubernetes-group-version-kind");
        assert_eq!(field(&field(&extension, 2), 2), br#"[{"group":"","kind":"B","version":"v1"}]"#);
    }

    #[test]
    fn patch_operations_tell_of_dry_run() {
        let document = super::super::v2(&crate::registry::Registry::builtin());
        let bytes = encode_v2(&document);
        let paths = field(&bytes, 8);
        let item = fields(&paths)
            .into_iter()
            .map(|(_, named)| named)
            .find(|named| field(named, 1) == b"/api/v1/namespaces/{namespace}/pods/{name}")
            .expect("pod path");
        let patch = field(&field(&item, 2), 8);
        let names: Vec<Vec<u8>> = fields(&patch)
            .into_iter()
            .filter(|(n, _)| *n == 8)
            .map(|(_, p)| field(&p, 1))
            .filter(|p| fields(p).first().is_some_and(|(n, _)| *n == 2))
            .map(|p| field(&field(&field(&p, 2), 3), 4))
            .collect();
        assert!(names.contains(&b"dryRun".to_vec()) && names.contains(&b"fieldValidation".to_vec()));
    }
}
