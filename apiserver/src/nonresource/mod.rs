//! Paths that are no resources: health, version, metrics, discovery, OpenAPI, the index.

mod documents;
mod health;
mod version;

pub use documents::Documents;

use std::net::SocketAddr;

use bytes::Bytes;
use corvette_api::status::{self, Status};
use corvette_component::metrics;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
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
        "" | "/index.html" => index(app, request, StatusCode::OK).await?,
        "/version" => {
            let accept = negotiate::negotiate(&request.headers, Views::ObjectOnly)?;
            reply::write_value(&request.headers, accept.media, true, StatusCode::OK, version::info()).await
        }
        "/metrics" => text(StatusCode::OK, metrics::encode(), "text/plain; version=0.0.4; charset=utf-8"),
        "/openid/v1/jwks" | "/.well-known/openid-configuration" => openid(app, path),
        _ if health::is_health(path) => health::serve(app, path, &info.query),
        _ => match documents::serve(app, path, request).await? {
            Some(response) => response,
            None => unknown(app, path, request).await?,
        },
    };
    if only_get(path) && request.method != Method::GET && response.status().is_success() {
        return Err(status::method_not_allowed());
    }
    Ok(response)
}

/// Tells whether a document is served to GET alone: the version, the root of the core group, the versions of groups.
fn only_get(path: &str) -> bool {
    matches!(path.split('/').skip(1).collect::<Vec<_>>().as_slice(), ["version" | "api"] | ["api", _] | ["apis", _, _])
}

/// Answers where nothing is: with the paths there are, and below the API as for unknown resources.
async fn unknown(app: &App, path: &str, request: &Parts) -> Result<Response<Body>, Status> {
    match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["api", ..] => dispatch::unknown(&app.registry.snapshot(), ""),
        ["apis", group, ..] => dispatch::unknown(&app.registry.snapshot(), group),
        _ => index(app, request, StatusCode::NOT_FOUND).await,
    }
}

/// Makes a text response.
fn text(code: StatusCode, text: impl Into<Bytes>, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = code;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache, private"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What others need to know to check service account tokens.
fn openid(app: &App, path: &str) -> Response<Body> {
    let Some(issuer) = &app.config.issuer else { return dispatch::no_such_path() };
    let address = SocketAddr::new(app.config.advertise_address, app.config.secure_port).to_string();
    let (document, content_type) = match path {
        "/openid/v1/jwks" => (issuer.keys().clone(), "application/jwk-set+json"),
        _ => (issuer.configuration(&address), "application/json"),
    };
    let mut response = text(StatusCode::OK, document.to_string(), content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

/// Lists the paths served.
async fn index(app: &App, request: &Parts, code: StatusCode) -> Result<Response<Body>, Status> {
    let registry = app.registry.snapshot();
    let mut paths = vec![
        "/.well-known/openid-configuration".to_owned(),
        "/api".to_owned(),
        "/api/v1".to_owned(),
        "/apis".to_owned(),
        "/apis/".to_owned(),
    ];
    for group in registry.groups().iter().filter(|group| !group.name.is_empty()) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{}/{version}", group.name)));
    }
    paths.extend(
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"]
            .map(str::to_owned),
    );
    paths.sort();
    let accept = negotiate::negotiate(&request.headers, Views::ObjectOnly)?;
    Ok(reply::write_value(&request.headers, accept.media, true, code, json!({"paths": paths})).await)
}
