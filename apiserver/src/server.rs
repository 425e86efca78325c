//! Connections: TLS, HTTP/1.1 and 2, upgrades, bounds, graceful end.

use std::{sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    App, body,
    filters::{
        authn::{self, Identity},
        chain,
    },
};

/// Most open connections; further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 4096;
/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for the head of an HTTP/1.1 request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes (Go's default).
const MAX_HEADERS: usize = 1024 * 1024;
/// Requests at once on one HTTP/2 connection (upstream's default).
const MAX_STREAMS: u32 = 250;
/// Pause after a failed accept, such as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until the app's tasks are cancelled, then waits for those that are open, at most the configured
/// drain time.
pub async fn serve(app: Arc<App>, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let token = app.tasks().token();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = token.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let (app, acceptor) = (Arc::clone(&app), acceptor.clone());
        app.clone().tasks().spawn("connection", async move {
            if let Some(stream) = handshake(&acceptor, stream).await {
                connection(app, stream, watcher).await;
            }
            drop(place);
        });
    }
    if tokio::time::timeout(app.config.drain, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections were still open at the end of the drain time");
    }
}

async fn handshake(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}

fn identity(stream: &TlsStream<TcpStream>) -> Option<Identity> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    authn::user_of_certificate(certificate).map(|user| Identity(Arc::new(user)))
}

async fn connection(app: Arc<App>, stream: TlsStream<TcpStream>, watcher: hyper_util::server::graceful::Watcher) {
    let identity = identity(&stream);
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let mut request = request.map(body::boxed);
        if let Some(identity) = &identity {
            request.extensions_mut().insert(identity.clone());
        }
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(chain::serve(app, request).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADERS);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).keep_alive_interval(HEADER_TIMEOUT);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(error = %error, "connection ended with an error");
    }
}
