//! Messages to objects.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Number, Value};

use super::error::{Error, Result};
use super::reader::{Reader, Wire};
use super::shapes;
use super::table::{self, Cardinality, Field, Kind, Message, Shape};

/// The fields of an object in the making.
type Fields = Map<String, Value>;

/// Reads a message in its JSON form; `None` when it stands for nothing (the zero time). `depth` is how much deeper it may nest.
pub(super) fn value(message: &Message, bytes: &[u8], depth: usize) -> Result<Option<Value>> {
    if message.shape != Shape::Struct {
        return shapes::decode(message, bytes, depth);
    }
    let mut object = Map::new();
    fields(message, bytes, &mut object, depth)?;
    Ok(Some(Value::Object(object)))
}

/// Reads the fields of a message into an object. Fields that were read before are overwritten, as messages are merged.
pub(super) fn fields(message: &Message, bytes: &[u8], object: &mut Map<String, Value>, depth: usize) -> Result<()> {
    let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.key()? {
        match message.field(number) {
            None => reader.skip(wire, depth)?,
            Some(field) => match field.cardinality {
                Cardinality::One => one(field, wire, &mut reader, object, depth)?,
                Cardinality::List => append(field, wire, &mut reader, object, depth)?,
                Cardinality::Map => entry(field, wire, &mut reader, object, depth)?,
            },
        }
    }
    Ok(())
}

fn one(field: &Field, wire: Wire, reader: &mut Reader<'_>, object: &mut Fields, depth: usize) -> Result<()> {
    if let Kind::Message(id) = field.kind {
        let bytes = message_bytes(field, wire, reader)?;
        let message = table::get(id);
        if field.inlined {
            // The level of the message does not show in JSON.
            return fields(message, bytes, object, depth + 1);
        }
        if message.shape == Shape::Struct
            && let Some(Value::Object(known)) = object.get_mut(field.name)
        {
            return fields(message, bytes, known, depth);
        }
        match value(message, bytes, depth)? {
            Some(value) => object.insert(field.name.to_owned(), value),
            None => object.remove(field.name),
        };
        return Ok(());
    }
    let value = scalar(field, wire, reader)?;
    if field.pointer || field.required || !is_zero(&value) {
        object.insert(field.name.to_owned(), value);
    } else {
        object.remove(field.name);
    }
    Ok(())
}

fn append(field: &Field, wire: Wire, reader: &mut Reader<'_>, object: &mut Fields, depth: usize) -> Result<()> {
    let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
    let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(list) = list else { return Err(Error::Unfit(field.name)) };
    match field.kind {
        Kind::Message(id) => {
            let bytes = message_bytes(field, wire, reader)?;
            list.push(value(table::get(id), bytes, depth)?.unwrap_or_default());
        }
        Kind::Int32 | Kind::Int64 | Kind::Bool if wire == Wire::Bytes => {
            let mut packed = Reader::new(reader.bytes()?);
            while !packed.is_empty() {
                list.push(scalar(field, Wire::Varint, &mut packed)?);
            }
        }
        _ => list.push(scalar(field, wire, reader)?),
    }
    Ok(())
}

fn entry(field: &Field, wire: Wire, reader: &mut Reader<'_>, object: &mut Fields, depth: usize) -> Result<()> {
    let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
    let mut pair = Reader::new(message_bytes(field, wire, reader)?);
    let mut key = String::new();
    let mut found = None;
    while let Some((number, wire)) = pair.key()? {
        match (number, field.kind) {
            (1, _) => key = text(message_bytes(field, wire, &mut pair)?),
            (2, Kind::Message(id)) => {
                found = value(table::get(id), message_bytes(field, wire, &mut pair)?, depth)?;
            }
            (2, _) => found = Some(scalar(field, wire, &mut pair)?),
            _ => pair.skip(wire, depth)?,
        }
    }
    let found = match (found, field.kind) {
        (Some(found), _) => found,
        (None, Kind::Message(id)) => value(table::get(id), &[], depth)?.unwrap_or_default(),
        (None, kind) => zero(kind),
    };
    let map = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(map) = map else { return Err(Error::Unfit(field.name)) };
    map.insert(key, found);
    Ok(())
}

fn message_bytes<'a>(field: &Field, wire: Wire, reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    expect(field, wire, Wire::Bytes)?;
    reader.bytes()
}

fn expect(field: &Field, wire: Wire, wanted: Wire) -> Result<()> {
    if wire == wanted { Ok(()) } else { Err(Error::WrongWireType { field: field.name, wire: wire.number() }) }
}

fn scalar(field: &Field, wire: Wire, reader: &mut Reader<'_>) -> Result<Value> {
    let wanted = match field.kind {
        Kind::String | Kind::Bytes | Kind::Message(_) => Wire::Bytes,
        Kind::Int32 | Kind::Int64 | Kind::Bool => Wire::Varint,
        Kind::Double => Wire::Fixed64,
    };
    expect(field, wire, wanted)?;
    Ok(match field.kind {
        Kind::String => Value::String(text(reader.bytes()?)),
        Kind::Bytes | Kind::Message(_) => Value::String(STANDARD.encode(reader.bytes()?)),
        Kind::Int32 => int32(reader.varint()?).into(),
        Kind::Int64 => reader.varint()?.cast_signed().into(),
        Kind::Bool => (reader.varint()? != 0).into(),
        Kind::Double => double(f64::from_bits(reader.fixed64()?)).ok_or(Error::Value(field.name))?,
    })
}

/// Text as JSON can hold it: Go's strings may hold any bytes, its JSON replaces those that are no UTF-8.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lower 32 bits, as Go's generated code takes them.
pub(super) fn int32(number: u64) -> i32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default().cast_signed()
}

/// A number as Go writes it in JSON: whole ones without a fraction.
fn double(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return format!("{number:.0}").parse::<i64>().ok().map(Value::from);
    }
    Number::from_f64(number).map(Value::Number)
}

fn zero(kind: Kind) -> Value {
    match kind {
        Kind::String | Kind::Bytes => Value::String(String::new()),
        Kind::Int32 | Kind::Int64 | Kind::Double => 0.into(),
        Kind::Bool => false.into(),
        Kind::Message(_) => Value::Null,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}
