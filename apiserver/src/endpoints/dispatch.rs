//! Finds the row of a resource request and calls the verb's handler.

use std::sync::Arc;

use bytes::Bytes;
use corvette_api::{
    protobuf,
    status::{self, Reason, Status},
};
use corvette_component::http::websocket;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::{
    call::Call,
    codec,
    connect::{self, Connect},
    create, delete, deletecollection, get, list,
    modify::Part,
    negotiate::{self, Messages, Views},
    patch,
    reply::{self, Reply},
    reviews, socket, subresources, update, watch,
};
use crate::{
    App, UserInfo,
    body::{self, Body},
    filters::request_info::{self, RequestInfo},
    registry::{Backing, Registry, Row, Subresource, SubresourceKind, Verb},
};

/// Serves a resource request that may proceed.
///
/// # Errors
/// The status the client sees.
pub async fn dispatch(
    app: Arc<App>,
    info: RequestInfo,
    user: Arc<UserInfo>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let registry = app.registry.snapshot();
    let found = registry.find(&info.group, &info.version, &info.resource).cloned();
    let Some(row) = found.filter(|row| path_fits(row, &info)) else { return unknown(&registry, &info.group) };
    let subresource = match info.subresource.as_str() {
        "" => None,
        name => match row.subresource(name) {
            Some(subresource) => Some(subresource.clone()),
            None => return unknown(&registry, &info.group),
        },
    };
    if let Some(subresource) = &subresource
        && (subresource.kind.is_connect() || subresource.kind == SubresourceKind::Log)
    {
        let connecting = Connect { app, info, user: (*user).clone(), request };
        return connect::connect(connecting).await;
    }
    if !is_served(&row, subresource.as_ref(), &info) {
        return Err(status::method_not_allowed());
    }
    let is_watch = info.verb == request_info::Verb::Watch;
    let handshake = is_watch && websocket::is_handshake(request.headers());
    let accepted = handshake.then(|| socket::accept(&mut request, &[""])).transpose()?;
    let (parts, body) = request.into_parts();
    let views = views(&info, &row, subresource.as_ref());
    let accept = negotiate::negotiate_with(&parts.headers, views, messages(&row, subresource.as_ref(), views))?;
    let headers = parts.headers;
    let call = Call { app, row, subresource, info, user, headers, accept, warnings: parking_lot::Mutex::default() };
    if is_watch {
        return watch::watch(call, accepted).await;
    }
    let body = codec::read(body).await?;
    let reply = boxed(&call, body).await.map_err(|failed| log_internal(&call, failed))?;
    reply::finish(&call, reply).await
}

fn log_internal(call: &Call, failed: Status) -> Status {
    if failed.reason == Reason::InternalError {
        tracing::error!(path = %call.info.path, error = %failed.message, "request failed");
    }
    failed
}

/// Runs a verb in a box: its state is large and would otherwise be part of every request's.
fn boxed(call: &Call, body: Bytes) -> BoxFuture<'_, Result<Reply, Status>> {
    Box::pin(handle(call, body))
}

async fn handle(call: &Call, body: Bytes) -> Result<Reply, Status> {
    use request_info::Verb as Asked;
    if let Backing::Virtual(review) = call.row.backing {
        return reviews::handle(call, review, body).await;
    }
    let part = match &call.subresource {
        None => Part::Main,
        Some(subresource) => match subresource.kind {
            SubresourceKind::Scale | SubresourceKind::Binding | SubresourceKind::Eviction | SubresourceKind::Token => {
                return subresources::handle(call, subresource.kind, body).await;
            }
            kind => Part::Subresource(kind),
        },
    };
    match call.info.verb {
        Asked::Get => get::get(call).await,
        Asked::List => list::list(call).await,
        Asked::Create => create::create(call, body).await,
        Asked::Update => update::update(call, part, body).await,
        Asked::Patch => patch::patch(call, part, body).await,
        Asked::Delete => delete::delete(call, body).await,
        Asked::DeleteCollection => deletecollection::delete_collection(call, body).await,
        Asked::Watch | Asked::Other => Err(status::method_not_allowed()),
    }
}

/// Tells whether the shape of the path fits the scope of the resource.
fn path_fits(row: &Row, info: &RequestInfo) -> bool {
    let names_itself = row.group.is_empty() && row.plural == "namespaces";
    match (row.is_namespaced(), info.namespace.is_empty()) {
        (true, true) => info.name.is_empty(),
        (false, false) => names_itself,
        _ => true,
    }
}

fn is_served(row: &Row, subresource: Option<&Subresource>, info: &RequestInfo) -> bool {
    use request_info::Verb as Asked;
    // HEAD is authorised as a read, but no resource answers it.
    if ![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&info.method) {
        return false;
    }
    let verb = match info.verb {
        Asked::Get => Verb::Get,
        Asked::List => Verb::List,
        Asked::Watch => Verb::Watch,
        Asked::Create => Verb::Create,
        Asked::Update => Verb::Update,
        Asked::Patch => Verb::Patch,
        Asked::Delete => Verb::Delete,
        Asked::DeleteCollection => Verb::DeleteCollection,
        Asked::Other => return false,
    };
    if let Some(subresource) = subresource {
        return subresource.verbs.contains(verb);
    }
    let on_collection = info.name.is_empty();
    let everywhere = row.is_namespaced() && info.namespace.is_empty();
    let fits = match verb {
        Verb::Create => on_collection && !everywhere,
        Verb::List | Verb::Watch => true,
        Verb::DeleteCollection => !everywhere,
        Verb::Get | Verb::Update | Verb::Patch | Verb::Delete => !on_collection,
    };
    fits && row.verbs.contains(verb)
}

/// Tells whether what a request answers with has a protobuf message.
fn messages(row: &Row, subresource: Option<&Subresource>, views: Views) -> Messages {
    let known = match (subresource, views) {
        (Some(subresource), _) if subresource.foreign => {
            protobuf::knows(&subresource.object.api_version(), &subresource.object.kind)
        }
        (_, Views::List) => protobuf::knows(&row.api_version, &row.list_kind),
        _ => protobuf::knows(&row.api_version, &row.kind),
    };
    if known { Messages::Known } else { Messages::None }
}

fn views(info: &RequestInfo, row: &Row, subresource: Option<&Subresource>) -> Views {
    match (info.verb, subresource) {
        (request_info::Verb::List | request_info::Verb::DeleteCollection, _) => Views::List,
        (request_info::Verb::Watch, _) => Views::Events,
        (_, Some(subresource)) if subresource.foreign => Views::ObjectOnly,
        // Reviews and the like are not stored and have no metadata to show.
        (request_info::Verb::Create, None) if row.storage().is_none() => Views::ObjectOnly,
        _ => Views::Single,
    }
}

/// What upstream answers on a path that none of a group's resources has: a Status if it serves the group, else a text.
///
/// # Errors
/// 404 when the group is served.
pub fn unknown(registry: &Registry, group: &str) -> Result<Response<Body>, Status> {
    if registry.groups().iter().any(|served| served.name == group) {
        return Err(status::no_such_resource());
    }
    Ok(no_such_path())
}

/// What upstream answers on paths it does not know.
pub fn no_such_path() -> Response<Body> {
    let mut response = Response::new(body::full("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
