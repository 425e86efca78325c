//! Forwards one HTTP/1.1 request over a connection of its own. When both ends agree to switch protocols (SPDY,
//! WebSocket) bytes are copied both ways until one end closes.

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::tasks::Tasks;

/// A boxed error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Body of a forwarded response.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Why a request could not be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other end closed, or does not speak HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The other end switched protocols, but the client's connection cannot (HTTP/2, or no connection at all).
    #[error("the connection cannot be upgraded")]
    NotUpgradable,
}

/// Headers that belong to one connection (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("te"),
    HeaderName::from_static("trailer"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whether a request asks to switch protocols.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Removes the headers of one connection, those that `Connection` names too.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|token| token.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Sends `request` over `io` and gives the answer with its body still streaming. The caller sets the target (path and
/// query alone) and the `Host` header. An upgrade asked for by the request is passed on; after a 101 the bytes are
/// copied by a task of `tasks`, which ends when both directions have ended.
///
/// Cancel safe: dropping the future closes the connection. It has no deadline of its own.
///
/// # Errors
/// [`Error::Http`] when the other end does not answer; [`Error::NotUpgradable`] when the client cannot follow a 101.
pub async fn forward<I, B>(io: I, mut request: Request<B>, tasks: &Tasks) -> Result<Response<Body>, Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let client = request.extensions_mut().remove::<OnUpgrade>();
    let wanted = request.headers().get(UPGRADE).cloned().filter(|_| is_upgrade(request.headers()));
    strip_hop_by_hop(request.headers_mut());
    if let Some(protocol) = wanted {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        request.headers_mut().insert(UPGRADE, protocol);
    }
    *request.version_mut() = Version::HTTP_11;
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());

    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    tasks.spawn_until_cancelled("forwarded connection", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "forwarded connection");
        }
    });
    let mut response = sender.send_request(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        strip_hop_by_hop(response.headers_mut());
        return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
    }
    let Some(client) = client else { return Err(Error::NotUpgradable) };
    let server = hyper::upgrade::on(&mut response);
    tasks.spawn_until_cancelled("upgraded stream", splice(client, server));
    Ok(response.map(|_| empty()))
}

/// Copies bytes both ways between two upgraded connections.
async fn splice(client: OnUpgrade, server: OnUpgrade) {
    let copied = async {
        let (client, server) = tokio::try_join!(client, server)?;
        tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(server)).await?;
        Ok::<(), BoxError>(())
    };
    if let Err(error) = copied.await {
        tracing::debug!(%error, "upgraded stream");
    }
}

/// A body without content.
fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        assert!(is_upgrade(&headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "SPDY/3.1")])));
        assert!(!is_upgrade(&headers(&[("connection", "keep-alive"), ("upgrade", "SPDY/3.1")])));
        assert!(!is_upgrade(&headers(&[("connection", "upgrade")])));
    }

    #[test]
    fn headers_of_the_connection_are_removed_and_others_kept() {
        let mut map = headers(&[("connection", "x-mine, close"), ("x-mine", "1"), ("te", "gzip"), ("accept", "a/b")]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("accept", "a/b")]));
    }

    #[tokio::test]
    async fn an_answer_is_streamed_back() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let server = tokio::spawn(async move {
            let mut buffer = vec![0; 1024];
            let read = theirs.read(&mut buffer).await.unwrap();
            theirs.write_all(b"HTTP/1.1 201 Created\r\nkeep-alive: 5\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            String::from_utf8_lossy(&buffer[..read]).into_owned()
        });
        let request = Request::get("/a?b=c").header("host", "h").header("connection", "close").body(empty()).unwrap();
        let tasks = Tasks::new("test");
        let response = forward(ours, request, &tasks).await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert!(!response.headers().contains_key("keep-alive"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        assert!(server.await.unwrap().starts_with("GET /a?b=c HTTP/1.1\r\nhost: h\r\n"));
    }
}
