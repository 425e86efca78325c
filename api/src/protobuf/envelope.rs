//! What stands around an object: `runtime.Unknown`, and the frames of a watch.

use serde_json::{Map, Value};

use super::error::{Error, Result};
use super::reader::{Reader, Wire};
use super::writer::Writer;
use super::{MAX_DEPTH, decode as messages, table};
use crate::meta;

/// The bytes before every object.
pub const MAGIC: [u8; 4] = *b"k8s\0";

/// Numbers of `runtime.Unknown`'s fields.
const TYPE_META: u32 = 1;
const RAW: u32 = 2;
const CONTENT_ENCODING: u32 = 3;
const CONTENT_TYPE: u32 = 4;
/// Numbers of `runtime.TypeMeta`'s fields.
const API_VERSION: u32 = 1;
const KIND: u32 = 2;

/// What an envelope holds.
#[derive(Debug, Default)]
struct Unknown<'a> {
    api_version: &'a [u8],
    kind: &'a [u8],
    raw: &'a [u8],
}

/// Decodes an object with its envelope; what the envelope does not say of its kind is taken from `expected`, a pair of
/// apiVersion and kind.
///
/// # Errors
/// [`Error::UnknownKind`] when the kind has no message; others when the bytes are malformed or nest too deep.
pub fn decode(bytes: &[u8], expected: (&str, &str)) -> Result<Value> {
    nested(bytes, expected, MAX_DEPTH)
}

/// Decodes an object that stands in another one, which may be `depth` levels deep.
pub(super) fn nested(bytes: &[u8], expected: (&str, &str), depth: usize) -> Result<Value> {
    let unknown = read(bytes)?;
    let or = |given: &[u8], expected: &str| if given.is_empty() { expected.to_owned() } else { messages::text(given) };
    let (api_version, kind) = (or(unknown.api_version, expected.0), or(unknown.kind, expected.1));
    let Some(message) = table::of_kind(&api_version, &kind) else {
        return Err(Error::UnknownKind { api_version, kind });
    };
    let mut object = Value::Object(Map::new());
    messages::fields(message, unknown.raw, meta::as_map(&mut object), depth)?;
    meta::set_gvk(&mut object, &api_version, &kind);
    Ok(object)
}

fn read(bytes: &[u8]) -> Result<Unknown<'_>> {
    let mut reader = Reader::new(bytes.strip_prefix(&MAGIC).ok_or(Error::NoEnvelope)?);
    let mut unknown = Unknown::default();
    while let Some((number, wire)) = reader.key()? {
        match number {
            TYPE_META => {
                let mut inner = Reader::new(part("typeMeta", wire, &mut reader)?);
                while let Some((number, wire)) = inner.key()? {
                    match number {
                        API_VERSION => unknown.api_version = part("apiVersion", wire, &mut inner)?,
                        KIND => unknown.kind = part("kind", wire, &mut inner)?,
                        _ => inner.skip(wire, MAX_DEPTH)?,
                    }
                }
            }
            RAW => unknown.raw = part("raw", wire, &mut reader)?,
            _ => reader.skip(wire, MAX_DEPTH)?,
        }
    }
    Ok(unknown)
}

fn part<'a>(field: &'static str, wire: Wire, reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    if wire == Wire::Bytes { reader.bytes() } else { Err(Error::WrongWireType { field, wire: wire.number() }) }
}

/// Writes an envelope around what `content` writes.
pub(super) fn write(
    writer: &mut Writer,
    api_version: &str,
    kind: &str,
    content: impl FnOnce(&mut Writer) -> Result<()>,
) -> Result<()> {
    writer.bytes(CONTENT_TYPE, b"");
    writer.bytes(CONTENT_ENCODING, b"");
    let start = writer.len();
    content(writer)?;
    writer.close(RAW, start);
    let start = writer.len();
    writer.bytes(KIND, kind.as_bytes());
    writer.bytes(API_VERSION, api_version.as_bytes());
    writer.close(TYPE_META, start);
    writer.raw(&MAGIC);
    Ok(())
}

/// Writes one event of a watch: four bytes of length, then a `WatchEvent` (without envelope) that holds the encoded object.
///
/// Follows `apimachinery/pkg/util/framer: lengthDelimitedFrameWriter @ v1.36`. An event of 4 GiB or more cannot be framed and
/// gives no bytes; objects are far smaller.
pub fn frame(kind: &str, object: &[u8]) -> Vec<u8> {
    const TYPE: u32 = 1;
    const OBJECT: u32 = 2;
    let mut writer = Writer::default();
    let start = writer.len();
    writer.bytes(1, object);
    writer.close(OBJECT, start);
    writer.bytes(TYPE, kind.as_bytes());
    let Ok(length) = u32::try_from(writer.len()) else { return Vec::new() };
    writer.raw(&length.to_be_bytes());
    writer.finish()
}
