//! The runtime's streaming server: passes SPDY clients through to it, or upgrades a connection of our own.

use std::time::Duration;

use bytes::Bytes;
use corvette_component::http::proxy::{self, BoxError};
use corvette_component::tasks::Tasks;
use http::header::{CONNECTION, HOST, HeaderName, UPGRADE};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long connecting and the handshake may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// How much of a refusal is quoted, in bytes.
const REFUSAL_MAX: usize = 4096;

/// Header with the wanted subprotocol of a SPDY connection.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// Why the streaming server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime gave an address that is none.
    #[error("the runtime's streaming address {0:?} is not valid")]
    Address(String),
    /// Nobody listens there.
    #[error("error dialing backend: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection broke.
    #[error("error dialing backend: {0}")]
    Http(#[from] hyper::Error),
    /// Forwarding failed.
    #[error("error dialing backend: {0}")]
    Forward(#[from] proxy::Error),
    /// No answer in time.
    #[error("error dialing backend: no answer within {} s", CONNECT_WITHIN.as_secs())]
    Timeout,
    /// The server did not switch protocols.
    #[error("unable to upgrade connection: {0}")]
    Refused(String),
}

/// Forwards a request to the address that the runtime gave, with its upgrade.
///
/// # Errors
/// As [`Error`], without [`Error::Refused`]: a refusal is the answer.
pub async fn proxy<B>(url: &str, mut request: Request<B>, tasks: &Tasks) -> Result<Response<proxy::Body>, Error>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (stream, uri, host) = connect(url).await?;
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    let forwarded = tokio::time::timeout(CONNECT_WITHIN, proxy::forward(stream, request, tasks)).await;
    Ok(forwarded.map_err(|_| Error::Timeout)??)
}

/// Upgrades a connection to SPDY/3.1 with the given subprotocol.
///
/// # Errors
/// As [`Error`]; [`Error::Refused`] quotes the server.
pub async fn upgrade(url: &str, protocol: &str, tasks: &Tasks) -> Result<TokioIo<Upgraded>, Error> {
    let (stream, uri, host) = connect(url).await?;
    let request = Request::post(uri)
        .header(HOST, host)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "SPDY/3.1")
        .header(STREAM_PROTOCOL, protocol)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Error::Address(error.to_string()))?;
    let handshake = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tasks.spawn_until_cancelled("streaming connection", async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "streaming connection");
            }
        });
        let response = sender.send_request(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(TokioIo::new(hyper::upgrade::on(response).await?));
        }
        let text = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(text.get(..REFUSAL_MAX).unwrap_or(&text)).trim().to_owned();
        Err(Error::Refused(text))
    };
    tokio::time::timeout(CONNECT_WITHIN, handshake).await.map_err(|_| Error::Timeout)?
}

/// Connects to a URL; gives the connection, the target and the host header.
async fn connect(url: &str) -> Result<(TcpStream, Uri, http::HeaderValue), Error> {
    let invalid = || Error::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let authority = uri.authority().ok_or_else(invalid)?;
    let host = http::HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
    let address = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
    let stream =
        tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await.map_err(|_| Error::Timeout)??;
    stream.set_nodelay(true)?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    Ok((stream, target.parse().map_err(|_| invalid())?, host))
}
