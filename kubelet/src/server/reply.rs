//! Responses.

use bytes::Bytes;
use corvette_component::http::proxy::{Body, BoxError};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

/// What a handler gives back.
pub(super) type Reply = Response<Body>;

/// A refusal: status and text for the client, a line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl Refusal {
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, text.into())
    }

    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, text.into())
    }
}

impl From<crate::cri::Error> for Refusal {
    /// As upstream maps the runtime's codes for streams.
    fn from(error: crate::cri::Error) -> Self {
        let status = if error.is_not_found() { StatusCode::NOT_FOUND } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self(status, error.to_string())
    }
}

impl From<crate::streaming::cri::Error> for Refusal {
    fn from(error: crate::streaming::cri::Error) -> Self {
        Self::internal(error.to_string())
    }
}

/// A whole body of a media type.
pub(super) fn content(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// Plain text.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    content(status, "text/plain; charset=utf-8", body)
}

/// JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => content(StatusCode::OK, "application/json", bytes),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Chunks as they come; the body ends when the sender is dropped.
pub(super) fn stream(chunks: mpsc::Receiver<Bytes>) -> Reply {
    let frames = ReceiverStream::new(chunks).map(|chunk| Ok::<_, BoxError>(Frame::data(chunk)));
    let mut reply = Response::new(StreamBody::new(frames).boxed_unsync());
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    reply
}

impl From<Refusal> for Reply {
    fn from(Refusal(status, message): Refusal) -> Self {
        text(status, message + "\n")
    }
}
