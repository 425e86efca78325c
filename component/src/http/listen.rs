//! Accepts TLS connections and serves requests on them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::tasks::Tasks;

/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `tasks` are cancelled. `identify` turns the certificates a client showed, which the TLS layer has
/// verified, into what `handle` gets with every request of the connection.
pub async fn serve<P, I, H, F, B>(listener: TcpListener, tls: Arc<ServerConfig>, tasks: &Tasks, identify: I, handle: H)
where
    P: Clone + Send + Sync + 'static,
    I: Fn(Option<&[CertificateDer<'static>]>) -> P + Clone + Send + Sync + 'static,
    H: Fn(P, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let acceptor = TlsAcceptor::from(tls);
    let token = tasks.token();
    loop {
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(acceptor.clone(), stream, identify.clone(), handle.clone());
                tasks.spawn_until_cancelled("connection", connection);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn connection<P, I, H, F, B>(acceptor: TlsAcceptor, stream: TcpStream, identify: I, handle: H)
where
    P: Clone + Send + Sync + 'static,
    I: Fn(Option<&[CertificateDer<'static>]>) -> P + Send + Sync + 'static,
    H: Fn(P, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = async {
        stream.set_nodelay(true)?;
        let stream = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await??;
        let peer = identify(stream.get_ref().1.peer_certificates());
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = handle(peer.clone(), request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await
    };
    if let Err(error) = served.await {
        tracing::debug!(error, "connection");
    }
}
