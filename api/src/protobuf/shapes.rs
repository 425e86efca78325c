//! Messages whose JSON is no object with their fields.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::decode::{self, int32, text};
use super::encode::{self, integer};
use super::envelope::{self, MAGIC};
use super::error::{Error, Result};
use super::reader::{Reader, Wire};
use super::table::{Message, Shape};
use super::writer::Writer;
use crate::quantity::Quantity;
use crate::time;

/// Nanoseconds in a microsecond.
const MICRO: i32 = 1000;

/// Reads a message; `None` for the zero time, which JSON shows as nothing.
pub(super) fn decode(message: &Message, bytes: &[u8], depth: usize) -> Result<Option<Value>> {
    Ok(match message.shape {
        Shape::Quantity => {
            let number = last(bytes, 1)?.map_or_else(|| "0".to_owned(), text);
            Some(Value::String(number))
        }
        Shape::IntOrString => Some(int_or_string(bytes)?),
        Shape::Time => timestamp(bytes, Shape::Time)?.map(|at| time::format(at).into()),
        Shape::MicroTime => timestamp(bytes, Shape::MicroTime)?.map(|at| time::format_micro(at).into()),
        Shape::Raw => raw(last(bytes, 1)?, depth)?,
        Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => Some(schema_or(message, bytes, depth)?),
        Shape::Items => {
            let mut object = Map::new();
            decode::fields(message, bytes, &mut object, depth)?;
            Some(object.remove("items").unwrap_or_else(|| Value::Array(Vec::new())))
        }
        Shape::Struct => {
            let mut object = Map::new();
            decode::fields(message, bytes, &mut object, depth)?;
            Some(Value::Object(object))
        }
    })
}

/// Returns the last length-delimited field of a number.
fn last(bytes: &[u8], wanted: u32) -> Result<Option<&[u8]>> {
    let mut reader = Reader::new(bytes);
    let mut found = None;
    while let Some((number, wire)) = reader.key()? {
        if number == wanted && wire == Wire::Bytes {
            found = Some(reader.bytes()?);
        } else {
            reader.skip(wire, super::MAX_DEPTH)?;
        }
    }
    Ok(found)
}

fn int_or_string(bytes: &[u8]) -> Result<Value> {
    let (mut is_text, mut number, mut string) = (false, 0, &b""[..]);
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.key()? {
        match (field, wire) {
            (1, Wire::Varint) => is_text = reader.varint()? == 1,
            (2, Wire::Varint) => number = int32(reader.varint()?),
            (3, Wire::Bytes) => string = reader.bytes()?,
            _ => reader.skip(wire, super::MAX_DEPTH)?,
        }
    }
    Ok(if is_text { text(string).into() } else { number.into() })
}

/// Reads seconds and nanoseconds; nothing at all is the zero time. As Go does, a `Time` forgets its nanoseconds.
fn timestamp(bytes: &[u8], shape: Shape) -> Result<Option<Timestamp>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.key()? {
        match (field, wire) {
            (1, Wire::Varint) => seconds = reader.varint()?.cast_signed(),
            (2, Wire::Varint) => nanos = int32(reader.varint()?),
            _ => reader.skip(wire, super::MAX_DEPTH)?,
        }
    }
    let nanos = if shape == Shape::Time { 0 } else { nanos - nanos % MICRO };
    Timestamp::new(seconds, nanos).map(Some).map_err(|_| Error::Value("time"))
}

/// Reads JSON text, or an object in its own envelope.
fn raw(bytes: Option<&[u8]>, depth: usize) -> Result<Option<Value>> {
    let Some(bytes) = bytes.filter(|b| !b.is_empty()) else { return Ok(None) };
    if bytes.starts_with(&MAGIC) {
        return envelope::nested(bytes, ("", ""), depth).map(Some);
    }
    let value = serde_json::from_slice(bytes).map_err(|error| Error::Json(error.to_string()))?;
    if is_deeper(&value, depth) { Err(Error::TooDeep) } else { Ok(Some(value)) }
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    match (value, depth.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => true,
        (Value::Array(items), Some(depth)) => items.iter().any(|v| is_deeper(v, depth)),
        (Value::Object(fields), Some(depth)) => fields.values().any(|v| is_deeper(v, depth)),
        _ => false,
    }
}

fn schema_or(message: &Message, bytes: &[u8], depth: usize) -> Result<Value> {
    let mut object = Map::new();
    decode::fields(message, bytes, &mut object, depth)?;
    let (schema, other) = alternatives(message)?;
    let other = object.remove(other);
    Ok(match (message.shape, object.remove(schema), other) {
        (Shape::SchemaOrBool, Some(schema), _) => schema,
        (Shape::SchemaOrBool, None, allows) => allows.unwrap_or(Value::Bool(false)),
        (_, _, Some(list)) => list,
        (_, schema, None) => schema.unwrap_or(Value::Null),
    })
}

/// Names of the field that holds a schema and of the one that holds something else.
fn alternatives(message: &Message) -> Result<(&'static str, &'static str)> {
    let mut schema = None;
    let mut other = None;
    for field in &message.fields {
        if field.name == "schema" { schema = Some(field.name) } else { other = Some(field.name) }
    }
    schema.zip(other).ok_or(Error::Unfit(message.name))
}

/// Writes the content of a message; without a value that of its zero.
pub(super) fn encode(message: &Message, value: Option<&Value>, name: &'static str, writer: &mut Writer) -> Result<()> {
    let unfit = || Error::Unfit(name);
    match message.shape {
        Shape::Quantity => match value {
            None => writer.bytes(1, b"0"),
            Some(Value::String(text)) => writer.bytes(1, text.as_bytes()),
            Some(number) => {
                let quantity = Quantity::from_value(number).map_err(|_| unfit())?;
                writer.bytes(1, quantity.to_string().as_bytes());
            }
        },
        Shape::IntOrString => {
            let (kind, number, text) = match value {
                Some(Value::String(text)) => (1, 0, text.as_str()),
                Some(number) => (0, integer(number).ok_or_else(unfit)?, ""),
                None => (0, 0, ""),
            };
            writer.bytes(3, text.as_bytes());
            writer.number(2, number);
            writer.number(1, kind);
        }
        Shape::Time | Shape::MicroTime => {
            let Some(value) = value else { return Ok(()) };
            let at = time::parse(value.as_str().ok_or_else(unfit)?).map_err(|_| unfit())?;
            write_time(at, message.shape, writer);
        }
        Shape::Raw => {
            let Some(value) = value else { return Ok(()) };
            writer.bytes(1, &serde_json::to_vec(value).map_err(|_| unfit())?);
        }
        Shape::Items | Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => {
            let object = spread(message, value.cloned())?;
            encode::fields(message, &object, writer)?;
        }
        Shape::Struct => encode::value(message, value, name, writer)?,
    }
    Ok(())
}

fn write_time(at: Timestamp, shape: Shape, writer: &mut Writer) {
    let mut seconds = at.as_second();
    let mut nanos = at.subsec_nanosecond();
    if nanos < 0 {
        // The nanoseconds count forward from the second before.
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    let nanos = if shape == Shape::Time { 0 } else { nanos - nanos % MICRO };
    writer.number(2, i64::from(nanos));
    writer.number(1, seconds);
}

/// Turns the JSON form into an object with the message's fields.
fn spread(message: &Message, value: Option<Value>) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    let Some(value) = value else { return Ok(object) };
    if message.shape == Shape::Items {
        object.insert("items".to_owned(), value);
        return Ok(object);
    }
    let (schema, other) = alternatives(message)?;
    match (message.shape, value) {
        (Shape::SchemaOrBool, value @ Value::Object(_)) => {
            object.insert(other.to_owned(), true.into());
            object.insert(schema.to_owned(), value);
        }
        (_, value @ Value::Object(_)) => {
            object.insert(schema.to_owned(), value);
        }
        (_, value) => {
            object.insert(other.to_owned(), value);
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::super::table::{self, Kind};
    use super::*;

    #[test]
    fn the_two_forms_of_schemas_are_told_apart() {
        for message in table::messages() {
            for field in &message.fields {
                if let Kind::Message(id) = field.kind
                    && matches!(
                        table::get(id).shape,
                        Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings
                    )
                {
                    assert!(alternatives(table::get(id)).is_ok());
                }
            }
        }
    }
}
