//! Requests that reach past the API: exec, attach, port-forward and logs (kubelets), proxy (pods, services, nodes).
//!
//! The pipeline has authenticated and authorised the caller and found the row; [`handle`] finds the object, decides
//! where to connect ([`pods`], [`target`]: pure) and forwards ([`dial`], `corvette_component::http::proxy`). Upgraded
//! connections are copied byte by byte: WebSockets are translated by the kubelet, so nothing here knows their content,
//! but for logs over WebSocket ([`log`]), which end here as they do upstream.
//!
//! Follows `pkg/registry/core/pod/{strategy.go,rest}`, `pkg/registry/core/{service,node}/… @ v1.36`.

mod dial;
mod exec;
mod html;
mod insecure;
mod log;
mod pods;
mod proxy;
mod services;
mod target;

use std::sync::Arc;

use corvette_api::gvk::GroupResource;
use corvette_api::status::{self, Status};
use http::{HeaderMap, HeaderName, Method, Response, header};
use serde_json::Value;

use crate::App;
use crate::body::Body;
use crate::endpoints::connect::Connect;
use crate::filters::request_info::RequestInfo;

/// Serves a connect request.
///
/// # Errors
/// The status the client sees when there is no such object, it cannot be reached, or the request is not one that this
/// subresource takes.
pub async fn handle(connect: Connect) -> Result<Response<Body>, Status> {
    let Connect { app, info, request, .. } = connect;
    let scope = Scope { app, info };
    let method = request.method().clone();
    match (scope.info.resource.as_str(), scope.info.subresource.as_str()) {
        ("pods", "log") if method == Method::GET => log::serve(&scope, request).await,
        ("pods", kind @ ("exec" | "attach" | "portforward")) if method == Method::GET || method == Method::POST => {
            exec::serve(&scope, request, exec::Kind::named(kind)).await
        }
        ("pods" | "services" | "nodes", "proxy") => proxy::serve(&scope, request).await,
        _ => Err(status::method_not_allowed()),
    }
}

/// What a request is about, apart from the request itself (whose body cannot be shared).
struct Scope {
    app: Arc<App>,
    info: RequestInfo,
}

/// A resource of the core group.
fn resource(name: &'static str) -> GroupResource {
    GroupResource { group: "".into(), resource: name.into() }
}

impl Scope {
    /// Reads an object of the core group that must exist.
    async fn object(&self, resource_name: &'static str, name: &str) -> Result<Value, Status> {
        let namespace = Some(self.info.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let object = self.app.object("", resource_name, namespace, name).await?;
        object.ok_or_else(|| status::not_found(&resource(resource_name), name))
    }
}

/// Removes what the caller proves to this server and nobody behind it may see.
fn remove_credentials(headers: &mut HeaderMap) {
    headers.remove(header::AUTHORIZATION);
    let named: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("impersonate-") || name.as_str().starts_with("x-remote-"))
        .cloned()
        .collect();
    for name in named {
        headers.remove(name);
    }
}
