//! Connections to kubelets, pods and services, each with a deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use corvette_api::status::{self, Status};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long connecting, and the TLS handshake after it, may take together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Connects in plain.
///
/// # Errors
/// As the system's, or `TimedOut`.
pub(super) async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let connecting = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect((host, port)));
    let stream = connecting.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"))?;
    let stream = stream.map_err(|error| io::Error::new(error.kind(), refused(host, port, &error)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A failure to connect as Go words it: `dial tcp 10.0.0.1:80: connect: connection refused`.
fn refused(host: &str, port: u16, error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("dial tcp {}: connect: {text}", super::exec::authority(host, port))
}

/// Connects by TLS and speaks HTTP/1.1 only, since streams are upgraded.
///
/// # Errors
/// As the system's or the handshake's, or `TimedOut`.
pub(super) async fn tls(host: &str, port: u16, config: &ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connecting = async {
        let stream = tcp(host, port).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let connecting = tokio::time::timeout(CONNECT_WITHIN, connecting);
    connecting.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "TLS handshake timeout"))?
}

/// What the client hears when a kubelet cannot be reached.
pub(super) fn unreachable_kubelet(host: &str, port: u16, error: &dyn std::error::Error) -> Status {
    status::internal(format!("error dialing backend: https://{host}:{port}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_worded_as_in_go() {
        let error = io::Error::from_raw_os_error(111);
        assert_eq!(refused("10.0.0.1", 80, &error), "dial tcp 10.0.0.1:80: connect: connection refused");
    }
}
