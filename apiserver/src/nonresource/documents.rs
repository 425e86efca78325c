//! Discovery and OpenAPI documents, rendered once for each registry.

use std::{collections::HashMap, sync::Arc};

use corvette_api::status::{self, Status};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    App,
    body::{self, Body},
    discovery::{self, Aggregated, Document, Root},
    endpoints::{
        codec,
        negotiate::{self, BODY_TYPES, Clause, Media},
        pieces, reply,
    },
    openapi,
    registry::Registry,
};

/// Format of a discovery root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Format {
    Legacy,
    V2,
    V2Beta1,
}

type Key = (String, Format);

/// Rendered documents of the current registry.
#[derive(Default)]
pub struct Documents(Mutex<Cache>, Arc<openapi::Cache>);

#[derive(Default)]
struct Cache {
    registry: Option<Arc<Registry>>,
    documents: HashMap<Key, Document>,
}

impl Documents {
    fn get(&self, registry: &Arc<Registry>, key: Key, render: impl FnOnce() -> Option<Value>) -> Option<Document> {
        let mut cache = self.0.lock();
        if !cache.registry.as_ref().is_some_and(|cached| Arc::ptr_eq(cached, registry)) {
            cache.documents.clear();
            cache.registry = Some(Arc::clone(registry));
        }
        if let Some(document) = cache.documents.get(&key) {
            return Some(document.clone());
        }
        let document = Document::of(&render()?);
        cache.documents.insert(key, document.clone());
        Some(document)
    }
}

/// Serves a document; `None` when there is none at `path` (without trailing slash).
///
/// # Errors
/// 406 for media types not served.
pub async fn serve(app: &App, path: &str, request: &Parts) -> Result<Option<Response<Body>>, Status> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let headers = &request.headers;
    if let ["openapi", rest @ ..] = parts.as_slice() {
        return Ok(openapi::serve(&app.documents.1, &app.registry.snapshot(), rest, request).await);
    }
    let is_root = matches!(parts.as_slice(), ["api"] | ["apis"]);
    let (format, media) = negotiate(headers, is_root)?;
    let registry = app.registry.snapshot();
    let key = (path.to_owned(), format);
    let Some(document) = app.documents.get(&registry, key, || render(app, &registry, &parts, format)) else {
        return Ok(None);
    };
    if codec::is_unchanged(headers, &document.etag) {
        return Ok(Some(unchanged(&document.etag)));
    }
    let mut response = match media {
        Media::Json => {
            let pretty = codec::wants_pretty(&crate::filters::query::Query::parse(request.uri.query()), headers);
            if pretty || (codec::accepts_gzip(headers) && document.body.len() > pieces::CHUNK) {
                let value = codec::parse_stored(&document.body)?;
                reply::write_value(headers, media, pretty, StatusCode::OK, value).await
            } else {
                reply::encoded(StatusCode::OK, media, document.body.clone())
            }
        }
        Media::Yaml | Media::Protobuf => {
            let value = codec::parse_stored(&document.body)?;
            reply::write_value(headers, media, false, StatusCode::OK, value).await
        }
    };
    if is_root {
        set(&mut response, header::ETAG, &document.etag);
        set(&mut response, header::VARY, "Accept");
        let parameters = match format {
            Format::Legacy => "",
            Format::V2 => Aggregated::V2.parameters(),
            Format::V2Beta1 => Aggregated::V2Beta1.parameters(),
        };
        set(&mut response, header::CONTENT_TYPE, &format!("{}{parameters}", media.as_str()));
    }
    Ok(Some(response))
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn unchanged(etag: &str) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    set(&mut response, header::ETAG, etag);
    response
}

/// Picks the format of a discovery document.
fn negotiate(headers: &HeaderMap, is_root: bool) -> Result<(Format, Media), Status> {
    let clauses = negotiate::clauses(headers);
    if clauses.is_empty() {
        return Ok((Format::Legacy, Media::Json));
    }
    clauses
        .iter()
        .find_map(|clause| Some((format(clause, is_root)?, negotiate::media(clause.media)?)))
        .ok_or_else(|| status::not_acceptable(&BODY_TYPES))
}

fn format(clause: &Clause<'_>, is_root: bool) -> Option<Format> {
    match (clause.parameter("g"), clause.parameter("as"), clause.parameter("v")) {
        (_, None, _) => Some(Format::Legacy),
        (Some("apidiscovery.k8s.io"), Some("APIGroupDiscoveryList"), Some("v2")) if is_root => Some(Format::V2),
        (Some("apidiscovery.k8s.io"), Some("APIGroupDiscoveryList"), Some("v2beta1")) if is_root => {
            Some(Format::V2Beta1)
        }
        _ => None,
    }
}

fn render(app: &App, registry: &Registry, parts: &[&str], format: Format) -> Option<Value> {
    let aggregated = match format {
        Format::Legacy => None,
        Format::V2 => Some(Aggregated::V2),
        Format::V2Beta1 => Some(Aggregated::V2Beta1),
    };
    match (parts, aggregated) {
        (["api"], Some(version)) => Some(discovery::aggregated(registry, Root::Core, version)),
        (["apis"], Some(version)) => Some(discovery::aggregated(registry, Root::Groups, version)),
        (["api"], None) => {
            let address = std::net::SocketAddr::new(app.config.advertise_address, app.config.secure_port);
            Some(discovery::core(registry, &address.to_string()))
        }
        (["apis"], None) => Some(discovery::groups(registry)),
        (["apis", group], None) => discovery::group(registry, group),
        (["api", version], None) => discovery::resources(registry, "", version),
        (["apis", group, version], None) => discovery::resources(registry, group, version),
        _ => None,
    }
}
