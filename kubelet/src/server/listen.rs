//! Accepts TLS connections and serves requests on them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::auth::{self, Access};
use super::{Server, routes};

/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the tasks of `server` are cancelled. `tls` must verify client certificates against the cluster's CA
/// when one is sent (`corvette_component::tls::server_config`).
pub async fn serve(server: Arc<Server>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    let token = server.tasks.token().clone();
    loop {
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (server, acceptor) = (server.clone(), acceptor.clone());
                let tasks = server.tasks.clone();
                tasks.spawn_until_cancelled("kubelet connection", connection(server, acceptor, stream));
            }
            Err(error) => {
                tracing::warn!(%error, "kubelet server cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn connection(server: Arc<Server>, acceptor: TlsAcceptor, stream: TcpStream) {
    let served = async {
        stream.set_nodelay(true)?;
        let stream = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await??;
        let access = auth::access(stream.get_ref().1.peer_certificates());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(routes::handle(server, access, request).await) }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await
    };
    if let Err(error) = served.await {
        tracing::debug!(error, "kubelet connection");
    }
}

/// What a connection without access hears, if it has none.
pub(super) fn refusal(access: Access) -> Option<super::reply::Refusal> {
    use http::StatusCode;
    match access {
        Access::Full => None,
        Access::Anonymous => Some(super::reply::Refusal(StatusCode::UNAUTHORIZED, "Unauthorized".to_owned())),
        Access::Other => Some(super::reply::Refusal(StatusCode::FORBIDDEN, "Forbidden".to_owned())),
    }
}
