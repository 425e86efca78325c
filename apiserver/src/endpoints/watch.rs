//! GET of a collection or object as a stream of changes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use corvette_api::{
    field::{Errors, Path},
    gvk::GroupKind,
    protobuf,
    status::{self, Status},
};
use corvette_component::http::websocket::{Accepted, tungstenite::Message};
use futures::{Stream, StreamExt};
use http::{HeaderValue, Response, StatusCode, header};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    call::Call,
    codec,
    negotiate::{Media, View},
    reply,
    selection::Selection,
    socket,
};
use crate::{
    body::{self, Body, BoxError},
    cacher::{self, Start, Watch, WatchEvent, WatchOptions},
    filters::query::Query,
    metrics,
    reader::{self, At, parse_revision},
    splice,
    tables::{self, Headers, IncludeObject, Options},
};

/// Shortest watch when the client names no timeout; the longest is twice that (upstream's `--min-request-timeout`).
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);
/// `Content-Type` of watches in protobuf.
const PROTOBUF_STREAM: &str = "application/vnd.kubernetes.protobuf;stream=watch";
/// Events that are ready are sent together up to this many bytes.
const BATCH: usize = 64 * 1024;

/// Where a watch begins, and how fresh the cache must be before.
fn start(query: &Query) -> Result<(Option<Start>, At), Status> {
    let version = query.text("resourceVersion");
    let initial = query.maybe_flag("sendInitialEvents");
    check(version, query.text("resourceVersionMatch"), initial)?;
    let bookmark = query.flag("allowWatchBookmarks");
    Ok(match (initial, version) {
        (Some(true), "") => (Some(Start::Initial { bookmark }), At::Latest),
        (Some(true), "0") => (Some(Start::Initial { bookmark }), At::Any),
        (Some(true), text) => (Some(Start::Initial { bookmark }), At::NotOlderThan(parse_revision(text)?)),
        (Some(false), "" | "0") => (None, At::Latest),
        (None, "") => (Some(Start::Initial { bookmark: false }), At::Latest),
        (None, "0") => (Some(Start::Initial { bookmark: false }), At::Any),
        (_, text) => (Some(Start::After(parse_revision(text)?)), At::Any),
    })
}

fn check(version: &str, matching: &str, initial: Option<bool>) -> Result<(), Status> {
    let mut errors = Errors::default();
    let path = Path::new("resourceVersionMatch");
    match (initial, matching) {
        (Some(_), "") => {
            errors.forbidden(&path, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }
        (Some(_), "NotOlderThan") | (None, "") => {}
        (Some(_), other) => errors.not_supported_value(&path, other, &["NotOlderThan"]),
        (None, _) if version.is_empty() => {
            errors.forbidden(&path, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        (None, _) => {
            errors.forbidden(&path, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &errors))
}

/// Serves a watch, through a WebSocket when the client asked for one.
///
/// # Errors
/// The status the client sees when the watch cannot start.
pub async fn watch(call: Call, socket: Option<Accepted>) -> Result<Response<Body>, Status> {
    let filter = Selection::parse(&call.info.query, &call.row)?.into_filter(call.namespace(), &call.info.name);
    let (start, at) = start(&call.info.query)?;
    call.app.reader.wait(at).await?;
    let cache = call.app.reader.cache(call.storage()?)?;
    let start = start.unwrap_or_else(|| Start::After(cache.snapshot().revision));
    let deadline = Instant::now() + timeout(&call.info.query)?;
    let bookmarks = call.info.query.flag("allowWatchBookmarks").then_some(deadline);
    let options = WatchOptions { start, bookmarks };
    let running = Running {
        deadline,
        include: codec::include_object(&call.info.query)?,
        headers: Headers::Shown,
        ended: false,
        one_by_one: socket.is_some(),
        _registered: Registered::new(&call),
        events: cache.watch(filter, options),
        call,
    };
    let media = running.call.accept.media;
    if let Some(accepted) = socket {
        let app = Arc::clone(&running.call.app);
        let messages = running.into_stream().map(move |event| event.map(|event| message(media, event)));
        return Ok(socket::answer(&app, "watch over WebSocket", accepted, messages));
    }
    let mut response = reply::encoded(StatusCode::OK, Media::Json, Bytes::new());
    if media == Media::Protobuf {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF_STREAM));
    }
    *response.body_mut() = body::stream(running.into_stream());
    Ok(response)
}

/// Makes a message of an event: the text, or the protobuf message without its length, which the frame tells.
fn message(media: Media, event: Bytes) -> Message {
    match media {
        Media::Protobuf => Message::Binary(event.slice(event.len().min(4)..)),
        Media::Json | Media::Yaml => Message::text(String::from_utf8_lossy(&event).into_owned()),
    }
}

fn timeout(query: &Query) -> Result<Duration, Status> {
    query.number("limit").map_err(status::bad_request)?;
    let asked = query.number("timeoutSeconds").map_err(status::bad_request)?;
    Ok(match asked.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0) {
        Some(seconds) => Duration::from_secs(seconds),
        None => MIN_TIMEOUT.mul_f64(1.0 + rand::rng().random::<f64>()),
    })
}

/// Counts a watch while it runs.
struct Registered([String; 3]);

impl Registered {
    fn new(call: &Call) -> Self {
        let this = Self([call.row.group.to_string(), call.row.version.to_string(), call.row.kind.to_string()]);
        this.gauge().inc();
        this
    }

    fn gauge(&self) -> prometheus::IntGauge {
        let [group, version, kind] = &self.0;
        metrics::WATCHES.with_label_values(&[group, version, kind])
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.gauge().dec();
    }
}

/// A watch being served.
struct Running {
    call: Call,
    events: Watch,
    deadline: Instant,
    include: IncludeObject,
    /// Whether the next table names its columns.
    headers: Headers,
    ended: bool,
    /// Whether each event is sent apart, for a client that tells them apart by frames.
    one_by_one: bool,
    _registered: Registered,
}

impl Running {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
        futures::stream::unfold(self, |mut running| async move {
            let bytes = running.next().await?;
            Some((Ok(bytes), running))
        })
    }

    /// Returns the next bytes for the client; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let token = self.call.app.tasks().token();
        let first = tokio::select! {
            event = self.events.next() => event?,
            () = tokio::time::sleep_until(self.deadline) => return None,
            () = token.cancelled() => return None,
        };
        let bytes = self.line(first);
        if self.ended || self.one_by_one {
            return Some(bytes);
        }
        Some(self.with_more(bytes))
    }

    /// Adds the events that are ready already, so that they share a write.
    fn with_more(&mut self, first: Bytes) -> Bytes {
        let mut more: Option<BytesMut> = None;
        while !self.ended && more.as_ref().map_or(first.len(), BytesMut::len) < BATCH {
            let Some(Some(event)) = futures::FutureExt::now_or_never(self.events.next()) else { break };
            let line = self.line(event);
            more.get_or_insert_with(|| BytesMut::from(&*first)).put_slice(&line);
        }
        more.map_or(first, BytesMut::freeze)
    }

    /// Encodes an event for the client.
    fn line(&mut self, event: cacher::Result<WatchEvent>) -> Bytes {
        let event = match event {
            Ok(event) => event,
            Err(error) => return self.failure(&reader::failure(&error)),
        };
        if self.call.accept.view == View::Object && self.call.row.is_storage_version() {
            let shared = match self.call.accept.media {
                Media::Json => Some(event.frame()),
                Media::Protobuf => event.message(),
                Media::Yaml => None,
            };
            if let Some(shared) = shared {
                return shared;
            }
        }
        if let Some(line) = self.metadata_line(&event) {
            return line;
        }
        match self.shown(&event) {
            Ok(object) => self.frame(event.kind().as_str(), &object),
            Err(failed) => self.failure(&failed),
        }
    }

    /// Encodes an event for who wants metadata alone, without parsing the object.
    fn metadata_line(&self, event: &WatchEvent) -> Option<Bytes> {
        let (View::Metadata(version), Media::Json) = (self.call.accept.view, self.call.accept.media) else {
            return None;
        };
        let mut line = BytesMut::new();
        line.put_slice(format!("{{\"type\":\"{}\",\"object\":", event.kind()).as_bytes());
        let shown = splice::put_partial(&mut line, &event.entry()?.json(), version.api_version());
        line.put_slice(b"}\n");
        shown.then(|| line.freeze())
    }

    fn failure(&mut self, failed: &Status) -> Bytes {
        self.ended = true;
        self.frame("ERROR", &failed.to_value())
    }

    fn frame(&self, kind: &str, object: &Value) -> Bytes {
        if self.call.accept.media == Media::Protobuf {
            return protobuf::frame(kind, &codec::encode(object, Media::Protobuf, false)).into();
        }
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        line.into()
    }

    /// Turns the object of an event into what the client asked to see.
    fn shown(&mut self, event: &WatchEvent) -> Result<Value, Status> {
        let row = &self.call.row;
        let Some(entry) = event.entry() else { return Ok(self.bookmark(event)) };
        let mut stored = codec::parse_stored(&entry.json())?;
        Ok(match self.call.accept.view {
            View::Object => {
                row.from_storage(&mut stored);
                stored
            }
            View::Metadata(version) => tables::partial(&stored, version),
            View::Table(version) => {
                let headers = std::mem::replace(&mut self.headers, Headers::Omitted);
                let options = Options { version, include: self.include, now: self.call.app.clock.now() };
                reply::serve_rows(row, tables::table_of_one(&*row.strategy, &stored, headers, options))
            }
        })
    }

    fn bookmark(&self, event: &WatchEvent) -> Value {
        let row = &self.call.row;
        let mut metadata = json!({"resourceVersion": event.revision().to_string(), "creationTimestamp": null});
        if event.is_initial_events_end()
            && let Some(map) = metadata.as_object_mut()
        {
            map.insert("annotations".to_owned(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = json!({"kind": row.kind, "apiVersion": row.api_version, "metadata": metadata});
        match self.call.accept.view {
            View::Object => object,
            View::Metadata(version) => tables::partial(&object, version),
            View::Table(version) => {
                let options = Options { version, include: self.include, now: self.call.app.clock.now() };
                let metadata = json!({"resourceVersion": event.revision().to_string()});
                let mut table = tables::table(&*row.strategy, [&object], metadata, Headers::Omitted, options);
                // The row's cells would be made up; only its object counts.
                if let Some(cells) = table.pointer_mut("/rows/0/cells").and_then(Value::as_array_mut) {
                    cells.clear();
                }
                table
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use corvette_store::Revision;

    use super::*;

    #[test]
    fn options_say_where_to_begin() {
        let start = |query: &str| start(&Query::parse(Some(query)));
        assert_eq!(start("").unwrap(), (Some(Start::Initial { bookmark: false }), At::Latest));
        assert_eq!(start("resourceVersion=0").unwrap(), (Some(Start::Initial { bookmark: false }), At::Any));
        assert_eq!(start("resourceVersion=7").unwrap(), (Some(Start::After(Revision(7))), At::Any));
        let streamed = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
        assert_eq!(start(streamed).unwrap(), (Some(Start::Initial { bookmark: true }), At::Latest));
        for bad in [
            "resourceVersionMatch=NotOlderThan",
            "sendInitialEvents=true",
            "resourceVersion=3&resourceVersionMatch=Exact",
        ] {
            assert_eq!(start(bad).unwrap_err().code, 422, "{bad}");
        }
    }
}
