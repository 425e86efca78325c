//! The server's half of a WebSocket handshake, with subprotocol negotiation as upstream does it
//! (staging/src/k8s.io/apimachinery/pkg/util/httpstream/wsstream: Conn @ v1.36).

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub use tokio_tungstenite::tungstenite;

/// A WebSocket on an upgraded HTTP connection.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Largest message taken from a client, in bytes.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// Why a handshake is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a WebSocket handshake, or a damaged one.
    #[error("bad request: {0}")]
    Malformed(&'static str),
    /// None of the offered subprotocols is served.
    #[error("requested protocol(s) are not supported: [{}]; supports [{}]", offered.join(" "), supported.join(" "))]
    Protocol {
        /// What the client offered.
        offered: Vec<String>,
        /// What it could have offered.
        supported: Vec<&'static str>,
    },
}

impl Refusal {
    /// The HTTP status upstream answers with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Protocol { .. } => StatusCode::FORBIDDEN,
        }
    }
}

/// An accepted handshake: send `response`, then [`Accepted::open`].
#[derive(Debug)]
pub struct Accepted {
    /// The chosen subprotocol; empty when the client asked for none.
    pub protocol: &'static str,
    /// The 101 with its headers.
    pub response: Response<()>,
    upgrade: OnUpgrade,
}

/// Whether a request asks for a WebSocket.
pub fn is_handshake(headers: &HeaderMap) -> bool {
    super::proxy::is_upgrade(headers)
        && headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The subprotocols a client offers, in its order.
pub fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let tokens = values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty());
    tokens.map(str::to_owned).collect()
}

/// Checks a handshake and chooses the first offered subprotocol that is supported. A client that offers none gets the
/// empty protocol when `supported` has it.
///
/// # Errors
/// [`Refusal`], to be answered with its status.
pub fn accept<B>(request: &mut Request<B>, supported: &[&'static str]) -> Result<Accepted, Refusal> {
    if !is_handshake(request.headers()) {
        return Err(Refusal::Malformed("not a WebSocket handshake"));
    }
    if request.headers().get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Malformed("missing or bad WebSocket version"));
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).ok_or(Refusal::Malformed("missing Sec-WebSocket-Key"))?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| Refusal::Malformed("bad Sec-WebSocket-Key"))?;
    let offered = offered(request.headers());
    let chosen = if offered.is_empty() {
        supported.iter().find(|name| name.is_empty())
    } else {
        offered.iter().find_map(|name| supported.iter().find(|supported| *supported == name))
    };
    let Some(protocol) = chosen.copied() else {
        return Err(Refusal::Protocol { offered, supported: supported.to_vec() });
    };
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let upgrade = upgrade.ok_or(Refusal::Malformed("the connection cannot be upgraded"))?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if !protocol.is_empty() {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(Accepted { protocol, response, upgrade })
}

/// Waits until the 101 has been sent and gives the socket. Call it from a task, after returning the response.
///
/// # Errors
/// When the client went away meanwhile.
pub async fn open(upgrade: OnUpgrade) -> Result<Socket, hyper::Error> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgrade.await?), Role::Server, Some(config)).await)
}

impl Accepted {
    /// Splits into the response to send and the future of the socket, which is to be driven by a task of its own.
    pub fn open(self) -> (Response<()>, impl Future<Output = Result<Socket, hyper::Error>> + Send) {
        (self.response, open(self.upgrade))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(protocols: &[&str]) -> Request<()> {
        let mut request = Request::get("/")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for protocol in protocols {
            request = request.header("sec-websocket-protocol", *protocol);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn unknown_protocols_are_forbidden_and_damaged_handshakes_bad() {
        let refusal = accept(&mut handshake(&["x, y"]), &["v5", ""]).expect_err("unknown");
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        assert_eq!(refusal.to_string(), "requested protocol(s) are not supported: [x y]; supports [v5 ]");
        assert_eq!(accept(&mut handshake(&[]), &["v5"]).expect_err("none").status(), StatusCode::FORBIDDEN);
        let mut old = handshake(&[]);
        old.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("8"));
        assert_eq!(accept(&mut old, &[""]).expect_err("old").status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_clients_order_counts() {
        assert_eq!(offered(handshake(&["b, a", "c"]).headers()), ["b", "a", "c"]);
        assert!(is_handshake(handshake(&[]).headers()));
    }
}
