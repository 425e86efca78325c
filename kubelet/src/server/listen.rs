//! Serves requests on TLS connections.

use std::sync::Arc;

use corvette_component::http::listen;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::auth::{self, Access};
use super::{Server, routes};

/// Serves until the tasks of `server` are cancelled. `tls` must verify client certificates against the cluster's CA
/// when one is sent (`corvette_component::tls::server_config`).
pub async fn serve(server: Arc<Server>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let tasks = server.tasks.clone();
    let handle = move |access: Access, request| routes::handle(server.clone(), access, request);
    listen::serve(listener, tls, &tasks, auth::access, handle).await;
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
