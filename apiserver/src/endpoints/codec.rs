//! Bodies: bytes to objects and back.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use corvette_api::{
    decode::{self, Parsed},
    gvk::GroupVersionKind,
    meta, protobuf,
    quote::quote,
    schema,
    status::{self, Status},
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::{
    call::Call,
    negotiate::{self, Media},
    options::FieldValidation,
};
use crate::{body::Body, filters::query::Query, tables::IncludeObject};

/// Longest request body, in bytes (upstream's limit).
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// Reads a whole request body.
///
/// # Errors
/// 413 above [`MAX_BODY`], 400 when the client goes away.
pub async fn read(mut body: Body) -> Result<Bytes, Status> {
    let too_large = || status::request_entity_too_large(format!("limit is {MAX_BODY}"));
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| status::bad_request(format!("cannot read the request body: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > MAX_BODY {
            return Err(too_large());
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Encodes a value. Protobuf is negotiated only for kinds that have a message.
pub fn encode(value: &Value, media: Media, pretty: bool) -> Bytes {
    match media {
        Media::Yaml => Bytes::from(corvette_api::yaml::to_string(value)),
        Media::Protobuf => match protobuf::encode(value) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                tracing::error!(%error, kind = meta::kind(value), "an object does not encode");
                Bytes::new()
            }
        },
        Media::Json if pretty => serde_json::to_vec_pretty(value).map(Bytes::from).unwrap_or_default(),
        Media::Json => serde_json::to_vec(value).map(Bytes::from).unwrap_or_default(),
    }
}

/// Reads an object that the store or the cache holds.
///
/// # Errors
/// 500 when the bytes are no JSON.
pub fn parse_stored(bytes: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(bytes).map_err(|error| status::internal(format!("stored object is damaged: {error}")))
}

/// Tells whether JSON is to be indented: asked for, or the client is a browser or a command-line fetcher.
pub fn wants_pretty(query: &Query, headers: &HeaderMap) -> bool {
    if let Some(asked) = query.maybe_flag("pretty") {
        return asked;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|prefix| agent.starts_with(prefix))
}

/// Tells whether the client reads gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip")))
}

/// Tells whether the client has the document of this entity tag (quotes included), so that 304 is enough.
pub fn is_unchanged(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Compresses bytes at upstream's level (1).
pub fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Reads the `includeObject` option of table requests.
///
/// # Errors
/// 400 for values upstream does not know.
pub fn include_object(query: &Query) -> Result<IncludeObject, Status> {
    let text = query.text("includeObject");
    IncludeObject::parse(text)
        .ok_or_else(|| {
            status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {}: must be 'Metadata', 'Object', 'None', or empty",
                quote(text)
            ))
        })
}

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `apiVersion`.
    pub api_version: &'a str,
    /// `kind`.
    pub kind: &'a str,
    /// Name of the schema definition, when there is one.
    pub definition: Option<&'a str>,
}

impl<'a> Expected<'a> {
    fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::from_api_version(self.api_version, self.kind)
    }

    fn cannot_be_handled(&self, detail: impl std::fmt::Display) -> Status {
        decode::cannot_be_handled(&self.gvk(), self.kind, detail)
    }

    /// What the body of the call's row must be.
    pub fn of_row(call: &'a Call) -> Self {
        Self { api_version: &call.row.api_version, kind: &call.row.kind, definition: call.row.definition.as_deref() }
    }
}

/// Decodes a request body into an object of the expected kind, with unknown and duplicate fields treated as the client
/// asked. Fields of the wrong type fail.
///
/// # Errors
/// 400 as upstream words it, 415 for media types not read.
pub fn decode_body(
    call: &Call,
    bytes: &Bytes,
    expected: Expected<'_>,
    validation: FieldValidation,
) -> Result<Value, Status> {
    let Parsed { value, strict: duplicates } = read_body(&call.headers, bytes, expected)?;
    let mut value = check_kind(value, bytes, expected)?;
    let strict = prune(&mut value, expected, duplicates).map_err(|error| expected.cannot_be_handled(error))?;
    report(call, strict, validation).map_err(|detail| expected.cannot_be_handled(detail))?;
    Ok(value)
}

/// Parses a body of any media type read.
///
/// # Errors
/// 400 when it is malformed, 415 for media types not read.
pub fn read_body(headers: &HeaderMap, bytes: &[u8], expected: Expected<'_>) -> Result<Parsed, Status> {
    let unrecognized = |error: &dyn std::fmt::Display| decode::unrecognized(expected.kind, error, bytes);
    match negotiate::body_media(headers)? {
        Media::Json => decode::json(bytes).map_err(|error| unrecognized(&error)),
        Media::Yaml => decode::yaml(bytes).map_err(|error| unrecognized(&error)),
        Media::Protobuf => {
            let kind = (expected.api_version, expected.kind);
            if !protobuf::knows(kind.0, kind.1) {
                return Err(status::unsupported_media_type(&negotiate::MEDIA_TYPES));
            }
            let value = protobuf::decode(bytes, kind).map_err(|error| unrecognized(&error))?;
            Ok(Parsed { value, strict: Vec::new() })
        }
    }
}

/// Why what a patch made is no object of the kind.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// It is of another kind.
    #[error("{0}")]
    Kind(String),
    /// A field has the wrong type.
    #[error(transparent)]
    Type(#[from] decode::Error),
    /// A strict client is told of unknown and duplicate fields.
    #[error("{0}")]
    Strict(String),
}

impl Misfit {
    /// Words the error as upstream does after a strategic merge patch.
    pub fn unstructured(&self) -> String {
        match self {
            Self::Type(error) => error.unstructured(),
            other => other.to_string(),
        }
    }
}

/// Decodes an object a patch made, as [`decode_body`] does.
///
/// # Errors
/// [`Misfit`], which upstream answers with 422.
pub fn decode_patched(
    call: &Call,
    value: Value,
    expected: Expected<'_>,
    duplicates: Vec<String>,
    validation: FieldValidation,
) -> Result<Value, Misfit> {
    let mut value = value;
    let (api_version, kind) = decode::type_meta(&value)?;
    if let Some(given) = other_kind(api_version, kind, expected) {
        let why = conversion_failure(&given, expected).unwrap_or_else(|| other_version(api_version, expected));
        return Err(Misfit::Kind(why));
    }
    meta::set_gvk(&mut value, expected.api_version, expected.kind);
    let strict = prune(&mut value, expected, duplicates)?;
    report(call, strict, validation).map_err(Misfit::Strict)?;
    Ok(value)
}

/// Checks the types of a body's fields; what the kind does not know is dropped.
///
/// # Errors
/// 400 as upstream words it.
pub fn check_types(value: &mut Value, expected: Expected<'_>, bytes: &[u8]) -> Result<(), Status> {
    decode::type_meta(value).map_err(|error| decode::unrecognized(expected.kind, error, bytes))?;
    prune(value, expected, Vec::new()).map_err(|error| expected.cannot_be_handled(error)).map(drop)
}

/// Checks that a body is of the expected kind, and says so in bodies that leave it open.
fn check_kind(mut value: Value, bytes: &[u8], expected: Expected<'_>) -> Result<Value, Status> {
    let unrecognized = |error: &dyn std::fmt::Display| decode::unrecognized(expected.kind, error, bytes);
    let (api_version, kind) = decode::type_meta(&value).map_err(|error| unrecognized(&error))?;
    if api_version.matches('/').count() > 1 {
        return Err(unrecognized(&format_args!("unexpected GroupVersion string: {api_version}")));
    }
    if let Some(given) = other_kind(api_version, kind, expected) {
        return Err(match conversion_failure(&given, expected) {
            None => status::bad_request(other_version(api_version, expected)),
            Some(detail) => decode::cannot_be_handled(&given, expected.kind, detail),
        });
    }
    if value.is_null() {
        value = Value::Object(Map::new());
    }
    meta::set_gvk(&mut value, expected.api_version, expected.kind);
    Ok(value)
}

/// Returns the kind of an object, unless it is the expected one; what it leaves open is as expected.
fn other_kind(api_version: &str, kind: &str, expected: Expected<'_>) -> Option<GroupVersionKind> {
    let api_version = if api_version.is_empty() { expected.api_version } else { api_version };
    let kind = if kind.is_empty() { expected.kind } else { kind };
    (api_version != expected.api_version || kind != expected.kind)
        .then(|| GroupVersionKind::from_api_version(api_version, kind))
}

/// Says why an object of another kind is none of the expected one; `None` when only its version is another.
fn conversion_failure(given: &GroupVersionKind, expected: Expected<'_>) -> Option<String> {
    const SCHEME: &str = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";
    let (group, version, kind) = (&given.group, &given.version, &given.kind);
    if schema::of_kind(group, version, kind).is_none() {
        let api_version = quote(&given.api_version());
        return Some(format!(
            "no kind {} is registered for version {api_version} in scheme {}",
            quote(kind),
            quote(SCHEME)
        ));
    }
    let wanted = expected.gvk();
    if wanted.kind == *kind && wanted.group == *group {
        return None;
    }
    let package = match wanted.group.split('.').next().unwrap_or_default() {
        "" | "events" => "core",
        "internal" => "apiserverinternal",
        first => first,
    };
    Some(format!("converting ({version}.{kind}) to ({package}.{}): unknown conversion", expected.kind))
}

fn other_version(api_version: &str, expected: Expected<'_>) -> String {
    format!(
        "the API version in the data ({api_version}) does not match the expected API version ({})",
        expected.api_version
    )
}

fn prune(value: &mut Value, expected: Expected<'_>, mut strict: Vec<String>) -> Result<Vec<String>, decode::Error> {
    let Some(definition) = expected.definition.and_then(schema::definition) else { return Ok(strict) };
    strict.extend(decode::in_place(definition, value)?);
    Ok(strict)
}

/// Tells the client what is wrong in the way it asked for; the error is for a strict one.
fn report(call: &Call, strict: Vec<String>, validation: FieldValidation) -> Result<(), String> {
    match validation {
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            strict.into_iter().for_each(|text| call.warn(text));
            Ok(())
        }
        FieldValidation::Strict if strict.is_empty() => Ok(()),
        FieldValidation::Strict => Err(decode::strict_message(&strict)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetchers_and_the_option_make_json_pretty() {
        let mut headers = HeaderMap::new();
        assert!(!wants_pretty(&Query::default(), &headers));
        headers.insert(header::USER_AGENT, "curl/8".parse().unwrap());
        assert!(wants_pretty(&Query::default(), &headers));
        assert!(!wants_pretty(&Query::parse(Some("pretty=false")), &headers));
    }

    #[test]
    fn gzip_is_found_among_codings() {
        let mut headers = HeaderMap::new();
        assert!(!accepts_gzip(&headers));
        headers.insert(header::ACCEPT_ENCODING, "br;q=1.0, gzip;q=0.8".parse().unwrap());
        assert!(accepts_gzip(&headers));
    }

    #[test]
    fn a_known_entity_tag_is_found_among_several() {
        let mut headers = HeaderMap::new();
        assert!(!is_unchanged(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, "\"b\", W/\"a\"".parse().unwrap());
        assert!(is_unchanged(&headers, "\"a\"") && !is_unchanged(&headers, "\"c\""));
        headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        assert!(is_unchanged(&headers, "\"c\""));
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_a_413() {
        let body = crate::body::full(vec![b' '; MAX_BODY + 1]);
        assert_eq!(read(body).await.unwrap_err().code, 413);
    }
}
