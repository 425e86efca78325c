//! Body types shared by every part of the server: one boxed body for requests and responses, whatever the transport.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;

/// A boxed error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Request and response body. Bodies of in-process requests and of sockets are boxed to the same type.
///
/// The lock makes it shareable between threads, so that a request can be borrowed across an await; reading the body
/// needs exclusive access and never locks.
pub struct Body(Mutex<UnsyncBoxBody<Bytes, BoxError>>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(self.get_mut().0.get_mut()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// Makes a body of bytes that are there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    boxed(Full::new(bytes.into()))
}

/// Makes an empty body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Boxes any body.
pub fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Body(Mutex::new(body.map_err(Into::into).boxed_unsync()))
}

/// Makes a body from a stream of chunks.
pub fn stream<S>(chunks: S) -> Body
where
    S: futures::Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
{
    use futures::StreamExt;
    boxed(http_body_util::StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))))
}
