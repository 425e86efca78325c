//! Paths that are no resources: health, version, metrics, discovery, OpenAPI, the index.

mod documents;
mod health;
mod version;

pub use documents::Documents;

use bytes::Bytes;
use corvette_api::status::Status;
use corvette_component::metrics;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use serde_json::json;

use crate::{
    App,
    body::{self, Body},
    endpoints::{
        dispatch,
        negotiate::{self, Views},
        reply,
    },
    filters::request_info::RequestInfo,
};

/// Serves a non-resource request that may proceed.
///
/// # Errors
/// The status the client sees.
pub async fn serve(app: &App, info: &RequestInfo, request: &Parts) -> Result<Response<Body>, Status> {
    let path = info.path.trim_end_matches('/');
    let response = match path {
        "" => index(app, request).await?,
        "/version" => {
            let accept = negotiate::negotiate(&request.headers, Views::ObjectOnly)?;
            reply::write_value(&request.headers, accept.media, true, StatusCode::OK, version::info()).await
        }
        "/metrics" => text(StatusCode::OK, metrics::encode(), "text/plain; version=0.0.4; charset=utf-8"),
        _ if health::is_health(path) => health::serve(app, path, &info.query),
        _ => match documents::serve(app, path, request).await? {
            Some(response) => response,
            None => dispatch::no_such_path(),
        },
    };
    Ok(response)
}

/// Makes a text response.
fn text(code: StatusCode, text: impl Into<Bytes>, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Lists the paths served.
async fn index(app: &App, request: &Parts) -> Result<Response<Body>, Status> {
    let registry = app.registry.snapshot();
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned(), "/apis/".to_owned()];
    for group in registry.groups().iter().filter(|group| !group.name.is_empty()) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{}/{version}", group.name)));
    }
    paths.extend(
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"].map(str::to_owned),
    );
    paths.sort();
    let accept = negotiate::negotiate(&request.headers, Views::ObjectOnly)?;
    Ok(reply::write_value(&request.headers, accept.media, true, StatusCode::OK, json!({"paths": paths})).await)
}
