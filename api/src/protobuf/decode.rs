//! Messages to values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Error;
use super::table::{self, Count, Field, Message, Shape, Type};
use super::wire::{Reader, Wire};
use crate::time;

/// Deepest nesting of messages; schemas of custom resources nest deepest.
const MAX_DEPTH: usize = 200;

/// Reads `runtime.Unknown` and the object in it.
pub fn enveloped(definition: &str, bytes: &[u8]) -> Result<Value, Error> {
    let malformed = || Error::Malformed("runtime.Unknown".to_owned());
    let (mut types, mut raw) = (&[][..], &[][..]);
    let mut reader = Reader(bytes);
    while let Some(field) = reader.field() {
        match field.ok_or_else(malformed)? {
            (1, Wire::Bytes(bytes)) => types = bytes,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (api_version, kind) = type_meta(types).ok_or_else(malformed)?;
    let Some(message) = table::find(definition) else { return Err(Error::UnknownKind { api_version, kind }) };
    let mut value = object(message, raw, 0)?;
    if let Some(map) = value.as_object_mut() {
        if !api_version.is_empty() {
            map.insert("apiVersion".to_owned(), api_version.into());
        }
        if !kind.is_empty() {
            map.insert("kind".to_owned(), kind.into());
        }
    }
    Ok(value)
}

fn type_meta(bytes: &[u8]) -> Option<(String, String)> {
    let (mut api_version, mut kind) = (String::new(), String::new());
    let mut reader = Reader(bytes);
    while let Some(field) = reader.field() {
        match field? {
            (1, Wire::Bytes(text)) => api_version = String::from_utf8(text.to_vec()).ok()?,
            (2, Wire::Bytes(text)) => kind = String::from_utf8(text.to_vec()).ok()?,
            _ => {}
        }
    }
    Some((api_version, kind))
}

fn malformed(message: &Message) -> Error {
    Error::Malformed(message.name.to_owned())
}

fn object(message: &Message, bytes: &[u8], depth: usize) -> Result<Value, Error> {
    let mut map = Map::new();
    fields(message, bytes, depth, &mut map)?;
    Ok(Value::Object(map))
}

fn fields(message: &Message, bytes: &[u8], depth: usize, map: &mut Map<String, Value>) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Depth);
    }
    let mut reader = Reader(bytes);
    while let Some(field) = reader.field() {
        let (number, wire) = field.ok_or_else(|| malformed(message))?;
        let Some(field) = message.field(number) else { continue };
        read(message, field, wire, depth, map)?;
    }
    Ok(())
}

fn read(message: &Message, field: &Field, wire: Wire<'_>, depth: usize, map: &mut Map<String, Value>) -> Result<(), Error> {
    match field.count {
        Count::Inline => {
            let (Type::Message(number), Wire::Bytes(bytes)) = (field.ty, wire) else { return Err(malformed(message)) };
            let inlined = table::get(number).ok_or_else(|| malformed(message))?;
            fields(inlined, bytes, depth + 1, map)
        }
        Count::One => {
            let value = one(message, field.ty, wire, depth)?;
            let unset = value.is_null() || (field.zero_is_unset && is_zero(&value));
            if unset {
                map.remove(field.name);
            } else if let (Some(Value::Object(there)), Value::Object(more)) = (map.get_mut(field.name), &value) {
                // A message that comes in parts is merged.
                there.extend(more.clone());
            } else {
                map.insert(field.name.to_owned(), value);
            }
            Ok(())
        }
        Count::List => {
            let list = map.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            let Some(list) = list.as_array_mut() else { return Err(malformed(message)) };
            match (field.ty, wire) {
                (Type::Int | Type::Bool, Wire::Bytes(packed)) => {
                    let mut reader = Reader(packed);
                    while !reader.0.is_empty() {
                        let number = reader.varint().ok_or_else(|| malformed(message))?;
                        list.push(scalar(field.ty, number));
                    }
                }
                _ => list.push(one(message, field.ty, wire, depth)?),
            }
            Ok(())
        }
        Count::Map => {
            let Wire::Bytes(bytes) = wire else { return Err(malformed(message)) };
            let (key, value) = entry(message, field, bytes, depth)?;
            let target = map.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            if let Some(target) = target.as_object_mut() {
                target.insert(key, value);
            }
            Ok(())
        }
    }
}

fn entry(message: &Message, field: &Field, bytes: &[u8], depth: usize) -> Result<(String, Value), Error> {
    let (mut key, mut value) = (String::new(), None);
    let mut reader = Reader(bytes);
    while let Some(part) = reader.field() {
        match part.ok_or_else(|| malformed(message))? {
            (1, Wire::Bytes(text)) => key = utf8(message, text)?,
            (2, wire) => value = Some(one(message, field.ty, wire, depth)?),
            _ => {}
        }
    }
    let value = match value {
        Some(value) => value,
        None => match field.ty {
            Type::Text | Type::Bytes => Value::String(String::new()),
            Type::Int => 0.into(),
            Type::Bool => false.into(),
            Type::Double => 0.0.into(),
            Type::Message(_) => one(message, field.ty, Wire::Bytes(&[]), depth)?,
        },
    };
    Ok((key, value))
}

fn utf8(message: &Message, bytes: &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes.to_vec()).map_err(|_| malformed(message))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(on) => !on,
        _ => false,
    }
}

fn scalar(ty: Type, number: u64) -> Value {
    match ty {
        Type::Bool => (number != 0).into(),
        // Negative numbers are sign-extended to 64 bits on the wire.
        _ => i64::from_ne_bytes(number.to_ne_bytes()).into(),
    }
}

fn one(message: &Message, ty: Type, wire: Wire<'_>, depth: usize) -> Result<Value, Error> {
    Ok(match (ty, wire) {
        (Type::Text, Wire::Bytes(bytes)) => utf8(message, bytes)?.into(),
        (Type::Bytes, Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        (Type::Int | Type::Bool, Wire::Varint(number)) => scalar(ty, number),
        (Type::Double, Wire::Fixed64(bits)) => f64::from_bits(bits).into(),
        (Type::Message(number), Wire::Bytes(bytes)) => {
            let inner = table::get(number).ok_or_else(|| malformed(message))?;
            shaped(inner, bytes, depth + 1)?
        }
        _ => return Err(malformed(message)),
    })
}

/// Reads a message in the form its JSON has.
fn shaped(message: &Message, bytes: &[u8], depth: usize) -> Result<Value, Error> {
    if message.shape == Shape::Raw {
        return raw(message, bytes);
    }
    let value = object(message, bytes, depth)?;
    let int = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(0);
    let text = |name: &str| value.get(name).cloned().unwrap_or_else(|| "".into());
    Ok(match message.shape {
        Shape::Object | Shape::Raw => value,
        Shape::Quantity => match text("string") {
            Value::String(text) if text.is_empty() => "0".into(),
            text => text,
        },
        Shape::IntOrString if int("type") == 0 => int("intVal").into(),
        Shape::IntOrString => text("strVal"),
        Shape::Time | Shape::MicroTime if bytes.is_empty() => Value::Null,
        Shape::Time => instant(int("seconds"), 0).map(time::format).map(Value::from).ok_or_else(|| malformed(message))?,
        Shape::MicroTime => instant(int("seconds"), int("nanos"))
            .map(time::format_micro)
            .map(Value::from)
            .ok_or_else(|| malformed(message))?,
        Shape::Duration => format!("{}s", seconds(int("duration"))).into(),
        Shape::Items => value.get("items").cloned().unwrap_or_else(|| Value::Array(Vec::new())),
        Shape::OneOf => one_of(value),
    })
}

fn instant(seconds: i64, nanos: i64) -> Option<Timestamp> {
    Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()
}

/// Nanoseconds as seconds with what decimals it takes.
fn seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{rest:09}").trim_end_matches('0'))
}

fn one_of(value: Value) -> Value {
    let Value::Object(mut map) = value else { return value };
    let named = |map: &mut Map<String, Value>, names: &[&str]| names.iter().find_map(|name| map.remove(*name));
    named(&mut map, &["$schema", "schema", "jSONSchemas", "property", "allows"]).unwrap_or(Value::Bool(false))
}

/// Reads bytes that hold JSON.
fn raw(message: &Message, bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader(bytes);
    let mut json = &[][..];
    while let Some(field) = reader.field() {
        if let (1, Wire::Bytes(bytes)) = field.ok_or_else(|| malformed(message))? {
            json = bytes;
        }
    }
    if json.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(json).map_err(|_| malformed(message))
}
