//! HTTP requests to containers, for probes and lifecycle hooks.
//!
//! Certificates are not verified, as documented for HTTPS probes: the pod chose the server, and nothing secret is sent.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{HTTPGetAction, HTTPHeader};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest body that is read, in bytes.
const BODY_LIMIT: usize = 10 * 1024;
/// Redirects that are followed.
const REDIRECTS: usize = 10;
const AGENT: &str = "kube-probe/1.36";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path with query, beginning with `/`.
    pub path: String,
    /// Headers that replace the defaults.
    pub headers: Vec<HTTPHeader>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub code: u16,
    /// Body, cut at 10 KiB.
    pub body: String,
    location: Option<String>,
}

impl Target {
    /// Makes the target of an `httpGet` action; `address` is used when the action names no host.
    pub fn of(action: &HTTPGetAction, address: &str, port: u16) -> Self {
        let host = action.host.clone().filter(|host| !host.is_empty()).unwrap_or_else(|| address.to_owned());
        let path = action.path.as_deref().unwrap_or_default();
        Self {
            scheme: action.scheme.as_deref().unwrap_or("HTTP").to_lowercase(),
            host,
            port,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            headers: action.http_headers.clone().unwrap_or_default(),
        }
    }

    /// The URL, as it is shown in messages.
    pub fn url(&self) -> String {
        let host = bracketed(&self.host);
        format!("{}://{host}:{}{}", self.scheme, self.port, self.path)
    }

    /// The target of a redirect that stays on this host; `None` when it leaves it.
    fn redirected(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(Self { path: location.to_owned(), ..self.clone() });
        }
        let uri: http::Uri = location.parse().ok()?;
        if uri.host()? != self.host {
            return None;
        }
        let scheme = uri.scheme_str()?.to_owned();
        let default = if scheme == "https" { 443 } else { 80 };
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        Some(Self { port: uri.port_u16().unwrap_or(default), path, scheme, ..self.clone() })
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Sends a GET and follows redirects on the same host; a redirect elsewhere is the answer.
///
/// # Errors
/// A message in the words of Go's HTTP client.
pub async fn get(target: &Target, timeout: Duration) -> Result<Answer, String> {
    let url = target.url();
    match tokio::time::timeout(timeout, follow(target.clone())).await {
        Ok(result) => result.map_err(|error| format!("Get \"{url}\": {error}")),
        Err(_) => {
            Err(format!("Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
        }
    }
}

async fn follow(mut target: Target) -> Result<Answer, String> {
    for _ in 0..REDIRECTS {
        let answer = once(&target).await?;
        let next = match (&answer.location, answer.code) {
            (Some(location), 300..=399) => target.redirected(location),
            _ => None,
        };
        match next {
            Some(next) => target = next,
            None => return Ok(answer),
        }
    }
    Err(format!("stopped after {REDIRECTS} redirects"))
}

async fn once(target: &Target) -> Result<Answer, String> {
    let stream = connect(&target.host, target.port).await?;
    if target.scheme != "https" {
        return exchange(target, stream).await;
    }
    let name = target.host.clone().try_into().map_err(|_| "invalid server name".to_owned())?;
    let connector = TlsConnector::from(Arc::clone(&TLS));
    let stream = connector.connect(name, stream).await.map_err(|error| format!("tls: {error}"))?;
    exchange(target, stream).await
}

/// Opens a TCP connection.
///
/// # Errors
/// A message in the words of Go: `dial tcp 10.0.0.1:80: connect: connection refused`.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let shown = format!("{}:{port}", bracketed(host));
    TcpStream::connect((host, port)).await.map_err(|error| format!("dial tcp {shown}: {}", words(&error)))
}

fn words(error: &std::io::Error) -> String {
    use std::io::ErrorKind as E;
    match error.kind() {
        E::ConnectionRefused => "connect: connection refused".to_owned(),
        E::HostUnreachable => "connect: no route to host".to_owned(),
        E::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        E::ConnectionReset => "connect: connection reset by peer".to_owned(),
        E::TimedOut => "i/o timeout".to_owned(),
        _ => error.to_string(),
    }
}

async fn exchange<S>(target: &Target, stream: S) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let request = request(target)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| describe(&error))?;
        let code = answer.status().as_u16();
        let location = answer.headers().get(http::header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        // A longer body is cut, which is not a failure.
        let body = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok(Answer { code, body, location })
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(describe(&error)),
        },
    }
}

fn describe(error: &hyper::Error) -> String {
    if error.is_incomplete_message() { "EOF".to_owned() } else { error.to_string() }
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, String> {
    let mut builder = Request::get(&target.path);
    let default_port = if target.scheme == "https" { 443 } else { 80 };
    let host = bracketed(&target.host);
    let host = if target.port == default_port { host } else { format!("{host}:{}", target.port) };
    let has = |name: &str| target.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    for (name, value) in [("host", host.as_str()), ("user-agent", AGENT), ("accept", "*/*")] {
        if !has(name) {
            builder = builder.header(name, value);
        }
    }
    for header in target.headers.iter().filter(|header| !header.value.is_empty()) {
        builder = builder.header(header.name.as_str(), header.value.as_str());
    }
    builder.header("connection", "close").body(Empty::new()).map_err(|error| error.to_string())
}

static TLS: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        .with_no_client_auth();
    Arc::new(config)
});

/// Accepts any certificate; see the module's doc for why.
#[derive(Debug)]
struct Unverified(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn serve(answers: Vec<&'static str>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut seen = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = vec![0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                seen.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            seen
        });
        (port, task)
    }

    fn target(port: u16) -> Target {
        let headers = vec![HTTPHeader { name: "X-Probe".into(), value: "1".into() }];
        Target { scheme: "http".into(), host: "127.0.0.1".into(), port, path: "/healthz".into(), headers }
    }

    #[tokio::test]
    async fn redirects_on_the_same_host_are_followed() {
        let (port, seen) = serve(vec![
            "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ])
        .await;
        let answer = get(&target(port), Duration::from_secs(5)).await.unwrap();
        assert_eq!((answer.code, answer.body.as_str()), (200, "ok"));
        let seen = seen.await.unwrap();
        assert!(seen[0].starts_with("GET /healthz HTTP/1.1") && seen[1].starts_with("GET /next"));
        assert!(seen[0].to_lowercase().contains("x-probe: 1") && seen[0].contains(AGENT));
    }

    #[tokio::test]
    async fn a_redirect_elsewhere_is_the_answer() {
        let (port, _seen) =
            serve(vec!["HTTP/1.1 302 Found\r\nLocation: http://0.0.0.1/\r\nContent-Length: 0\r\n\r\n"]).await;
        assert_eq!(get(&target(port), Duration::from_secs(5)).await.unwrap().code, 302);
    }

    #[tokio::test]
    async fn a_closed_port_is_named_as_in_go() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = get(&target(port), Duration::from_secs(5)).await.unwrap_err();
        let url = format!("http://127.0.0.1:{port}/healthz");
        assert_eq!(error, format!("Get \"{url}\": dial tcp 127.0.0.1:{port}: connect: connection refused"));
    }
}
