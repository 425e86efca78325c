//! `/openapi/…` over HTTP: negotiation, entity tags, hashes.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};

use super::{Cache, Name, Rendered, v3_hash};
use crate::body::{self, Body};
use crate::endpoints::codec;
use crate::registry::Registry;

const JSON: &str = "application/json";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// What the media types of the Swagger protobuf have in common; old clients write `@v1.0` where newer ones write `.v1.0`.
const V2_PROTOBUF_PREFIX: &str = "application/com.github.proto-openapi.spec.v2";
/// A document named by its hash never changes.
const FOREVER: &str = "public, immutable";
const REVALIDATE: &str = "no-cache, private";

/// Serves the document below `/openapi/` at `rest`; `None` when there is none there.
pub async fn serve(
    cache: &Arc<Cache>,
    registry: &Arc<Registry>,
    rest: &[&str],
    request: &Parts,
) -> Option<Response<Body>> {
    let headers = &request.headers;
    let (name, content_type) = match rest {
        ["v2"] if accepts(headers, |m| m.starts_with(V2_PROTOBUF_PREFIX)) => (Name::V2Protobuf, V2_PROTOBUF),
        ["v2"] => (Name::V2Json, JSON),
        ["v3"] => (Name::V3Index, JSON),
        ["v3", path @ ..] => (Name::V3(path.join("/")), JSON),
        _ => return None,
    };
    if content_type == JSON && !accepts(headers, |m| matches!(m, JSON | "application/*" | "*/*")) {
        return Some(status(StatusCode::NOT_ACCEPTABLE));
    }
    let asked = hash_asked(request);
    if let (Name::V3(path), Some(asked)) = (&name, asked) {
        let current = v3_hash(registry, path)?;
        if current != asked {
            return Some(redirect(&format!("/openapi/v3/{path}?hash={current}")));
        }
    }
    let rendered = rendered(cache, registry, name).await?;
    Some(reply(&rendered, content_type, headers, asked.is_some()))
}

async fn rendered(cache: &Arc<Cache>, registry: &Arc<Registry>, name: Name) -> Option<Rendered> {
    if let Some(ready) = cache.ready(registry, &name) {
        return Some(ready);
    }
    let (cache, registry) = (Arc::clone(cache), Arc::clone(registry));
    tokio::task::spawn_blocking(move || cache.build(&registry, name)).await.ok().flatten()
}

/// Tells whether the client takes a media type; one that names none takes anything.
fn accepts(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> bool {
    let mut accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .filter_map(|v| v.split(';').next())
        .map(str::trim)
        .filter(|v| !v.is_empty())
        .peekable();
    if accepted.peek().is_none() {
        return wanted(JSON);
    }
    accepted.any(wanted)
}

fn hash_asked(request: &Parts) -> Option<&str> {
    request.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("hash="))
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = code;
    response
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = status(StatusCode::MOVED_PERMANENTLY);
    set(&mut response, header::LOCATION, to);
    response
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn reply(rendered: &Rendered, content_type: &str, headers: &HeaderMap, forever: bool) -> Response<Body> {
    let unchanged = codec::is_unchanged(headers, &rendered.etag);
    let packed = codec::accepts_gzip(headers);
    let mut response = if unchanged {
        status(StatusCode::NOT_MODIFIED)
    } else if packed {
        Response::new(body::full(rendered.gzip.clone()))
    } else {
        Response::new(body::full(rendered.plain()))
    };
    if packed && !unchanged {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::ETAG, &rendered.etag);
    set(&mut response, header::VARY, "Accept, Accept-Encoding");
    set(&mut response, header::CACHE_CONTROL, if forever { FOREVER } else { REVALIDATE });
    if forever {
        // Caches that do not know the word "immutable" go by the date; a year is the most they take.
        let year = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(365 * 24));
        let date =
            year.ok().and_then(|at| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
        set(&mut response, header::EXPIRES, &date.unwrap_or_default());
    }
    response
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn get(path: &str, accept: Option<&str>) -> Option<Response<Body>> {
        let mut request = Request::get(format!("http://h{path}"));
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        let (parts, ()) = request.body(()).expect("request").into_parts();
        let path = parts.uri.path().to_owned();
        let rest: Vec<&str> = path.trim_start_matches("/openapi/").split('/').collect();
        serve(&Arc::new(Cache::default()), &Arc::new(Registry::builtin()), &rest, &parts).await
    }

    #[tokio::test]
    async fn the_index_leads_to_documents() {
        let response = get("/openapi/v3", None).await.expect("served");
        let body = response.into_body().collect().await.expect("body").to_bytes();
        let index: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("url").to_owned();
        let response = get(&url, Some("application/json")).await.expect("served");
        assert_eq!(
            (response.status(), response.headers()[header::CACHE_CONTROL].to_str().expect("text")),
            (StatusCode::OK, FOREVER)
        );
        assert!(response.headers()[header::EXPIRES].to_str().expect("text").ends_with(" GMT"));
        let response = get("/openapi/v3/apis/apps/v1?hash=x", None).await.expect("served");
        assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(response.headers()[header::LOCATION], url.as_str());
        assert!(get("/openapi/v3/apis/nope/v1", None).await.is_none());
    }

    #[tokio::test]
    async fn old_clients_get_protobuf() {
        for accept in ["application/com.github.proto-openapi.spec.v2@v1.0+protobuf", V2_PROTOBUF] {
            let response = get("/openapi/v2", Some(accept)).await.expect("served");
            assert_eq!(response.headers()[header::CONTENT_TYPE], V2_PROTOBUF);
        }
        let response = get("/openapi/v3", Some("application/com.github.proto-openapi.spec.v3@v1.0+protobuf"))
            .await
            .expect("answered");
        assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
    }
}
