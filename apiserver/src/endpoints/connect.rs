//! Boundary to the connect subresources (exec, attach, portforward, proxy) and GET pods/log, which talk to kubelets
//! and to pods. The pipeline authenticates, authorises and finds the row; `crate::connect` does the rest.
//!
//! `crate::connect` provides `pub async fn handle(connect: Connect) -> Result<Response<Body>, Status>`. An upgrade is
//! taken from `connect.request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>()` or `hyper::upgrade::on(&mut request)`;
//! it is absent for in-process callers. Streams outlive the handler: spawn them on `connect.app.tasks()`.

use std::sync::Arc;

use corvette_api::status::Status;
use http::{Request, Response};

use crate::{App, UserInfo, body::Body, filters::request_info::RequestInfo};

/// A request for a streaming subresource, authenticated and authorised.
pub struct Connect {
    /// The server: `app.object(group, resource, namespace, name)` reads pods, nodes and services.
    pub app: Arc<App>,
    /// Parsed path: namespace, resource (`pods`, `services`, `nodes`), name, subresource, rest of the path.
    pub info: RequestInfo,
    /// Who asks.
    pub user: UserInfo,
    /// The request, with its body and extensions untouched. Query options are in its URI.
    pub request: Request<Body>,
}

/// Hands a connect request to the streaming part.
///
/// # Errors
/// The status the client sees when the stream cannot be made.
pub async fn connect(connect: Connect) -> Result<Response<Body>, Status> {
    crate::connect::handle(connect).await
}
