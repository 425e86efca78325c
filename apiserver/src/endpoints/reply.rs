//! Answers of verb handlers and their way to the wire: view, media type, pretty printing, compression, warnings.

use bytes::Bytes;
use corvette_api::{meta, status::Status};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    call::Call,
    codec,
    negotiate::{Media, View},
};
use crate::{
    body::{self, Body},
    registry::Row,
    tables::{self, Headers, Options},
};

/// Bodies above this many bytes are compressed for clients that accept it (upstream's threshold).
const COMPRESS_ABOVE: usize = 128 * 1024;
/// Longest text in a `Warning` header, in characters; longer ones are cut.
const WARNING_LENGTH: usize = 256;
/// Most bytes of all `Warning` headers together.
const WARNINGS_TOTAL: usize = 4096;

/// What a verb answers.
pub enum Reply {
    /// One object in the row's version, or another kind of the API machinery (Status, Scale, reviews).
    Object(StatusCode, Value),
    /// One object of the row as it is stored: JSON of the storage version, with its resourceVersion.
    Stored(StatusCode, Bytes),
    /// An answer that is finished.
    Finished(Response<Body>),
}

impl Reply {
    /// Makes a 200 answer.
    pub fn ok(object: Value) -> Self {
        Self::Object(StatusCode::OK, object)
    }
}

/// Turns a reply into a response for the caller.
///
/// # Errors
/// 500 when a stored object cannot be read.
pub async fn finish(call: &Call, reply: Reply) -> Result<Response<Body>, Status> {
    let mut response = match reply {
        Reply::Finished(response) => response,
        Reply::Stored(code, json) if is_sent_as_stored(call) => encoded(code, Media::Json, json),
        Reply::Stored(code, json) => {
            let mut object = codec::parse_stored(&json)?;
            call.row.from_storage(&mut object);
            write(call, code, viewed(call, object)?).await
        }
        Reply::Object(code, object) => write(call, code, viewed(call, object)?).await,
    };
    add_warnings(&call.warnings.lock(), response.headers_mut());
    Ok(response)
}

/// Tells whether stored JSON is what the client wants.
pub fn is_sent_as_stored(call: &Call) -> bool {
    call.accept.view == View::Object
        && call.accept.media == Media::Json
        && call.row.is_storage_version()
        && !codec::wants_pretty(&call.info.query, &call.headers)
}

fn viewed(call: &Call, object: Value) -> Result<Value, Status> {
    if meta::kind(&object) != call.row.kind {
        return Ok(object);
    }
    Ok(match call.accept.view {
        View::Object => object,
        View::Metadata(version) => tables::partial(&object, version),
        View::Table(version) => {
            let include = codec::include_object(&call.info.query)?;
            let options = Options { version, include, now: call.app.clock.now() };
            table_of_one(call, &object, options)
        }
    })
}

/// Shows one served object as a table; strategies know storage versions only.
pub fn table_of_one(call: &Call, object: &Value, options: Options) -> Value {
    let mut stored = object.clone();
    call.row.to_storage(&mut stored);
    serve_rows(&call.row, tables::table_of_one(&*call.row.strategy, &stored, Headers::Shown, options))
}

/// Puts whole objects in a table's rows into the version the client asked for.
pub fn serve_rows(row: &Row, mut table: Value) -> Value {
    if row.is_storage_version() {
        return table;
    }
    for line in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(object) = line.get_mut("object").filter(|object| meta::kind(object) == row.kind) {
            row.from_storage(object);
        }
    }
    table
}

async fn write(call: &Call, code: StatusCode, object: Value) -> Response<Body> {
    write_value(&call.headers, call.accept.media, codec::wants_pretty(&call.info.query, &call.headers), code, object)
        .await
}

/// Writes any value in a media type, compressed when large and the client accepts it.
pub async fn write_value(
    headers: &HeaderMap,
    media: Media,
    pretty: bool,
    code: StatusCode,
    object: Value,
) -> Response<Body> {
    write_bytes(headers, media, code, codec::encode(&object, media, pretty)).await
}

/// Writes encoded bytes, compressed when large and the client accepts it.
pub async fn write_bytes(headers: &HeaderMap, media: Media, code: StatusCode, bytes: Bytes) -> Response<Body> {
    if bytes.len() > COMPRESS_ABOVE && codec::accepts_gzip(headers) {
        let plain = bytes.clone();
        if let Ok(Some(packed)) = tokio::task::spawn_blocking(move || codec::gzip(&plain)).await {
            let mut response = encoded(code, media, packed);
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            return response;
        }
    }
    encoded(code, media, bytes)
}

/// Makes a response of encoded bytes.
pub fn encoded(code: StatusCode, media: Media, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(body::full(bytes));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.as_str()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// Makes the response of a failure.
pub fn failure(status: &Status, media: Media) -> Response<Body> {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = encoded(code, media, codec::encode(&status.to_value(), media, false));
    if let Some(seconds) = status.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Adds `Warning` headers: `299 - "text"`, quotes escaped, duplicates dropped, cut at upstream's bounds.
pub fn add_warnings(texts: &[String], headers: &mut HeaderMap) {
    let mut total = 0;
    let mut seen: Vec<&str> = Vec::new();
    for text in texts {
        if seen.contains(&text.as_str()) {
            continue;
        }
        seen.push(text);
        let clean: String = text
            .chars()
            .take(WARNING_LENGTH)
            .flat_map(|c| match c {
                '"' => vec!['\\', '"'],
                '\\' => vec!['\\', '\\'],
                c if c.is_control() => vec![' '],
                c => vec![c],
            })
            .collect();
        let line = format!("299 - \"{clean}\"");
        total += line.len();
        if total > WARNINGS_TOTAL {
            break;
        }
        if let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) {
            headers.append(header::WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_quoted_and_not_repeated() {
        let mut headers = HeaderMap::new();
        let texts = ["unknown field \"spec.foo\"".to_owned(), "unknown field \"spec.foo\"".to_owned()];
        add_warnings(&texts, &mut headers);
        let lines: Vec<_> = headers.get_all(header::WARNING).iter().collect();
        assert_eq!(lines, ["299 - \"unknown field \\\"spec.foo\\\"\""]);
    }
}
