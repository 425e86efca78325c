//! Objects to messages.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::envelope;
use super::error::{Error, Result};
use super::reader::Wire;
use super::shapes;
use super::table::{self, Cardinality, Field, Kind, Message, Shape};
use super::writer::Writer;
use crate::meta;

/// Encodes an object with its envelope. Fields that the message does not have are left out.
///
/// # Errors
/// [`Error::UnknownKind`] when the object's kind has no message, [`Error::Unfit`] when a value does not fit its field.
pub fn encode(object: &Value) -> Result<Vec<u8>> {
    let (api_version, kind) = (meta::api_version(object), meta::kind(object));
    let message = table::of_kind(api_version, kind)
        .ok_or_else(|| Error::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() })?;
    let mut writer = Writer::default();
    envelope::write(&mut writer, api_version, kind, |writer| value(message, Some(object), "", writer))?;
    Ok(writer.finish())
}

/// Writes the content of a message; without a value that of its zero. `name` is the field it stands in.
pub(super) fn value(message: &Message, value: Option<&Value>, name: &'static str, writer: &mut Writer) -> Result<()> {
    if message.shape != Shape::Struct {
        return shapes::encode(message, value, name, writer);
    }
    match value {
        None => fields(message, &Map::new(), writer),
        Some(Value::Object(object)) => fields(message, object, writer),
        Some(_) => Err(Error::Unfit(name)),
    }
}

/// Writes the fields of a message out of an object, last one first.
pub(super) fn fields(message: &Message, object: &Map<String, Value>, writer: &mut Writer) -> Result<()> {
    for field in message.fields.iter().rev() {
        if field.inlined
            && let Kind::Message(id) = field.kind
        {
            let start = writer.len();
            fields(table::get(id), object, writer)?;
            writer.close(field.number, start);
            continue;
        }
        let found = object.get(field.name).filter(|v| !v.is_null());
        match (field.cardinality, found) {
            (Cardinality::One, found) => one(field, found, writer)?,
            (_, None) => {}
            (Cardinality::List, Some(found)) => list(field, found, writer)?,
            (Cardinality::Map, Some(found)) => map(field, found, writer)?,
        }
    }
    Ok(())
}

fn one(field: &Field, found: Option<&Value>, writer: &mut Writer) -> Result<()> {
    // Bytes are a slice in Go: nothing is written when there are none.
    if found.is_none() && (field.pointer || field.kind == Kind::Bytes) {
        return Ok(());
    }
    item(field, field.number, found, writer)
}

fn list(field: &Field, found: &Value, writer: &mut Writer) -> Result<()> {
    let items = found.as_array().ok_or(Error::Unfit(field.name))?;
    items.iter().rev().try_for_each(|found| item(field, field.number, Some(found).filter(|v| !v.is_null()), writer))
}

fn map(field: &Field, found: &Value, writer: &mut Writer) -> Result<()> {
    let entries = found.as_object().ok_or(Error::Unfit(field.name))?;
    for (key, found) in entries.iter().rev() {
        let start = writer.len();
        item(field, 2, Some(found).filter(|v| !v.is_null()), writer)?;
        writer.bytes(1, key.as_bytes());
        writer.close(field.number, start);
    }
    Ok(())
}

/// Writes one value as field `number`; without a value its zero.
fn item(field: &Field, number: u32, found: Option<&Value>, writer: &mut Writer) -> Result<()> {
    let unfit = || Error::Unfit(field.name);
    match field.kind {
        Kind::Message(id) => {
            let start = writer.len();
            value(table::get(id), found, field.name, writer)?;
            writer.close(number, start);
        }
        Kind::String => writer.bytes(number, found.map_or(Some(""), Value::as_str).ok_or_else(unfit)?.as_bytes()),
        Kind::Bytes => {
            let text = found.map_or(Some(""), Value::as_str).ok_or_else(unfit)?;
            writer.bytes(number, &STANDARD.decode(text).map_err(|_| unfit())?);
        }
        Kind::Int32 | Kind::Int64 => writer.number(number, found.map_or(Some(0), integer).ok_or_else(unfit)?),
        Kind::Bool => {
            let set = found.map_or(Some(false), Value::as_bool).ok_or_else(unfit)?;
            writer.number(number, i64::from(set));
        }
        Kind::Double => {
            let value = found.map_or(Some(0.0), Value::as_f64).ok_or_else(unfit)?;
            writer.raw(&value.to_le_bytes());
            writer.key(number, Wire::Fixed64);
        }
    }
    Ok(())
}

/// Reads a whole number; clients may have written it as `3.0`.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|n| n.fract() == 0.0)?;
        format!("{number:.0}").parse().ok()
    })
}
