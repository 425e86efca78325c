//! JSON to [`Value`], with the duplicate keys that serde_json alone would not tell.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::frame::Frame;
use super::{Error, Parsed, STRICT_LIMIT, syntax};
use crate::quote::quote;

/// Parses JSON. Of a duplicate key the last value counts; nesting is bounded (127 levels); bytes that are no UTF-8 become
/// replacement characters, as in Go.
///
/// # Errors
/// [`Error::Syntax`] in the words of Go's decoder.
pub fn json(body: &[u8]) -> Result<Parsed, Error> {
    let text = String::from_utf8_lossy(body);
    let mut strict = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let parsed = Seed { at: Frame::ROOT, strict: &mut strict }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match parsed {
        Ok(value) => Ok(Parsed { value, strict }),
        Err(error) => Err(Error::Syntax(explain(&text, &error))),
    }
}

fn explain(text: &str, error: &serde_json::Error) -> String {
    syntax::explain(text.as_bytes()).unwrap_or_else(|| {
        if error.to_string().starts_with("recursion limit") {
            "exceeded max depth".to_owned()
        } else {
            error.to_string()
        }
    })
}

struct Seed<'a> {
    at: Frame<'a>,
    strict: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { at: self.at.index(items.len()), strict: self.strict })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        // A map made of a sorted list at once is faster and denser than one made entry by entry.
        let mut entries: Vec<(String, Value)> = Vec::with_capacity(8);
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Seed { at: self.at.field(None, &key), strict: self.strict })?;
            entries.push((key, value));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for key in entries.iter().zip(entries.iter().skip(1)).filter(|((a, _), (b, _))| a == b).map(|((key, _), _)| key)
        {
            if self.strict.len() < STRICT_LIMIT {
                let path = self.at.field(None, key).path();
                self.strict.push(format!("duplicate field {}", quote(&path)));
            }
        }
        // Of equal keys the last one stays.
        Ok(Value::Object(Map::from_iter(entries)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn duplicates_are_told_with_their_path() {
        let parsed = json(br#"{"a": 1, "b": {"c": [{"d": 1, "d": 2}]}, "a": 3}"#).unwrap();
        assert_eq!(parsed.value, json!({"a": 3, "b": {"c": [{"d": 2}]}}));
        assert_eq!(parsed.strict, ["duplicate field \"b.c[0].d\"", "duplicate field \"a\""]);
    }

    #[test]
    fn malformed_bodies_are_explained_as_go_does() {
        for (body, message) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":}", "invalid character '}' looking for beginning of value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("1 2", "invalid character '2' after top-level value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("-a", "invalid character 'a' in numeric literal"),
            ("1.a", "invalid character 'a' after decimal point in numeric literal"),
            ("1ea", "invalid character 'a' in exponent of numeric literal"),
            ("tru3", "invalid character '3' in literal true (expecting 'e')"),
            ("kind: Pod", "invalid character 'k' looking for beginning of value"),
            ("01", "invalid character '1' after top-level value"),
        ] {
            assert_eq!(json(body.as_bytes()), Err(Error::Syntax(message.to_owned())), "{body}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(json(deep.as_bytes()), Err(Error::Syntax("exceeded max depth".to_owned())));
        assert_eq!(json(b"\"a\xffb\"").unwrap().value, json!("a\u{fffd}b"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(text in "[-{}\\[\\]\",:a0-2.eEtrufalsn\\\\ ]{0,24}") {
            let ours = json(text.as_bytes());
            match serde_json::from_str::<Value>(&text) {
                Ok(value) => prop_assert_eq!(ours.unwrap().value, value),
                Err(_) => prop_assert!(ours.is_err()),
            }
        }
    }
}
