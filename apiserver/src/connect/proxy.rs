//! pods/proxy, services/proxy and nodes/proxy: any HTTP request to an address in the cluster.
//!
//! Redirects and links of HTML pages that point at the root of the target are rewritten to stay below the proxy's path.

use std::net::IpAddr;

use corvette_api::status::{self, Status};
use corvette_component::http::proxy;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::target::{Scheme, Target};
use super::{Scope, dial, exec, html, insecure, pods, remove_credentials, services, target};
use crate::body::{self, Body};

/// Where a request goes.
enum Destination {
    /// An address in the cluster.
    Address { scheme: Scheme, host: String, port: u16 },
    /// The kubelet of a node.
    Kubelet(serde_json::Value),
}

/// Forwards a request and rewrites the answer.
pub(super) async fn serve(scope: &Scope, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    let kind = scope.info.resource.trim_end_matches('s').to_owned();
    let target = target::parse(&scope.info.name, &kind)?;
    let path = Paths::of(request.uri(), &scope.info.subresource, &scope.info.rest);
    let query = request.uri().query().map(str::to_owned);
    let read_only = matches!(*request.method(), Method::GET | Method::HEAD);
    if path.inner.is_empty() && read_only {
        return redirect_to_slash(&path.prefix, query.as_deref());
    }
    let destination = match kind.as_str() {
        "pod" => pod(scope, &target).await?,
        "service" => service(scope, &target).await?,
        _ => node(scope, &target).await?,
    };
    let inner = if path.inner.is_empty() { "/" } else { &path.inner };
    let uri = query.map_or_else(|| inner.to_owned(), |query| format!("{inner}?{query}"));
    let host = request.headers().get(header::HOST).cloned();
    let original = request.uri().path().to_owned();
    remove_credentials(request.headers_mut());
    forwarded_headers(&mut request, &original, host.as_ref());

    let (response, authority) = match destination {
        Destination::Kubelet(node) => {
            let (host, port) = pods::kubelet(&node)?;
            (exec::forward(&scope.app, &node, uri, request).await?, exec::authority(&host, port))
        }
        Destination::Address { scheme, host, port } => {
            let authority = exec::authority(&host, port);
            *request.uri_mut() = uri.parse::<Uri>().map_err(|error| status::bad_request(error.to_string()))?;
            let value = HeaderValue::from_str(&authority).map_err(|error| status::internal(error.to_string()))?;
            request.headers_mut().insert(header::HOST, value);
            (send(scope, scheme, &host, port, request).await?, authority)
        }
    };
    let own_host = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    html::rewrite_response(response, &html::Links { prefix: path.prefix, target: authority, own_host }).await
}

/// The two halves of a request's path.
struct Paths {
    /// Up to and with `/proxy`.
    prefix: String,
    /// What the target sees: empty, or with a slash in front.
    inner: String,
}

impl Paths {
    fn of(uri: &Uri, subresource: &str, rest: &str) -> Self {
        let path = uri.path();
        let slash = path.ends_with('/');
        let trimmed = path.trim_end_matches('/');
        let inner = match (rest.trim_matches('/').is_empty(), slash) {
            (true, false) => String::new(),
            (true, true) => "/".to_owned(),
            (false, _) => {
                // The rest comes without the slashes around it, which mean something to the target.
                let at = trimmed.find(&format!("/{subresource}/")).map(|at| at + subresource.len() + 1);
                at.and_then(|at| path.get(at..)).unwrap_or("/").to_owned()
            }
        };
        let prefix = path.strip_suffix(inner.as_str()).unwrap_or(trimmed).to_owned();
        Self { prefix, inner }
    }
}

/// Relative links of a page at the root only work below a slash.
fn redirect_to_slash(prefix: &str, query: Option<&str>) -> Result<Response<Body>, Status> {
    let location = query.map_or_else(|| format!("{prefix}/"), |query| format!("{prefix}/?{query}"));
    let location = HeaderValue::from_str(&location).map_err(|error| status::bad_request(error.to_string()))?;
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// Tells the target what the client asked for.
fn forwarded_headers(request: &mut Request<Body>, path: &str, host: Option<&HeaderValue>) {
    let headers = request.headers_mut();
    if let Ok(path) = HeaderValue::from_str(path) {
        headers.insert(HeaderName::from_static("x-forwarded-uri"), path);
    }
    if let Some(host) = host {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
    }
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"));
}

/// Sends a request to an address in the cluster. It may take as long as the client waits.
async fn send(
    scope: &Scope,
    scheme: Scheme,
    host: &str,
    port: u16,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let unreachable =
        |error: &dyn std::error::Error| status::service_unavailable(format!("error trying to reach service: {error}"));
    let tasks = scope.app.tasks();
    let response = match scheme {
        Scheme::Http => {
            let stream = dial::tcp(host, port).await.map_err(|error| unreachable(&error))?;
            proxy::forward(stream, request, tasks).await
        }
        Scheme::Https => {
            let config = insecure::config().map_err(|error| status::internal(error.to_string()))?;
            let stream = dial::tls(host, port, &config).await.map_err(|error| unreachable(&error))?;
            proxy::forward(stream, request, tasks).await
        }
    };
    Ok(response.map_err(|error| unreachable(&error))?.map(body::boxed))
}

async fn pod(scope: &Scope, target: &Target) -> Result<Destination, Status> {
    let pod = scope.object("pods", &target.name).await?;
    let port = if target.port.is_empty() {
        pods::default_port(&pod)
    } else {
        Some(target.port.parse().map_err(|_| status::bad_request(format!("invalid pod port {:?}", target.port)))?)
    };
    let address = pods::proxy_address(&pod)?;
    let scheme = target.scheme.unwrap_or(Scheme::Http);
    let port = port.unwrap_or(if scheme == Scheme::Https { 443 } else { 80 });
    Ok(Destination::Address { scheme, host: address.to_string(), port })
}

async fn service(scope: &Scope, target: &Target) -> Result<Destination, Status> {
    let name = &target.name;
    let port = if target.port.parse::<u64>().is_ok() {
        let service = scope.object("services", name).await?;
        services::port_name(&service, name, &target.port)?
    } else {
        target.port.clone()
    };
    let endpoints = scope.object("endpoints", name).await?;
    let mut ready = services::ready(&endpoints, &port);
    let start = usize::try_from(rand::random::<u32>()).unwrap_or_default() % ready.len().max(1);
    ready.rotate_left(start);
    for endpoint in ready {
        if let Some(address) = trusted(scope, &endpoint).await? {
            let scheme = target.scheme.unwrap_or(Scheme::Http);
            return Ok(Destination::Address { scheme, host: address.to_string(), port: endpoint.port });
        }
    }
    Err(status::service_unavailable(format!("no endpoints available for service {name:?}")))
}

/// The address of an endpoint, unless it is one of this machine or not that of the pod it claims to be.
async fn trusted(scope: &Scope, endpoint: &services::Endpoint) -> Result<Option<IpAddr>, Status> {
    let Ok(address) = pods::proxyable(&endpoint.address) else { return Ok(None) };
    let Some((namespace, name)) = &endpoint.pod else { return Ok(Some(address)) };
    let Some(pod) = scope.app.object("", "pods", Some(namespace), name).await? else { return Ok(None) };
    let addresses = pod.pointer("/status/podIPs").and_then(|list| list.as_array());
    let known = addresses.into_iter().flatten().filter_map(|entry| entry.get("ip")?.as_str());
    Ok(known.into_iter().any(|known| known == endpoint.address).then_some(address))
}

async fn node(scope: &Scope, target: &Target) -> Result<Destination, Status> {
    let node = exec::node_object(&scope.app, &target.name).await?;
    let (host, kubelet_port) = pods::kubelet(&node)?;
    if target.port.is_empty() || target.port.parse() == Ok(kubelet_port) {
        return Ok(Destination::Kubelet(node));
    }
    let port = target.port.parse().map_err(|_| status::bad_request(format!("invalid node port {:?}", target.port)))?;
    let address = pods::proxyable(&host)?;
    Ok(Destination::Address { scheme: target.scheme.unwrap_or(Scheme::Http), host: address.to_string(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_behind_the_subresource() {
        let of = |path: &str, rest: &str| {
            let paths = Paths::of(&path.parse().unwrap(), "proxy", rest);
            (paths.prefix, paths.inner)
        };
        let prefix = "/api/v1/namespaces/n/pods/p:80/proxy".to_owned();
        assert_eq!(of(&prefix, ""), (prefix.clone(), String::new()));
        assert_eq!(of(&format!("{prefix}/"), ""), (prefix.clone(), "/".to_owned()));
        assert_eq!(of(&format!("{prefix}/a/b%20c"), "a/b%20c"), (prefix.clone(), "/a/b%20c".to_owned()));
        assert_eq!(of(&format!("{prefix}/a/"), "a"), (prefix, "/a/".to_owned()));
    }

    #[test]
    fn a_missing_slash_is_added_by_a_redirect() {
        let response = redirect_to_slash("/p/proxy", Some("a=b")).unwrap();
        assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(response.headers().get("location").unwrap(), "/p/proxy/?a=b");
    }
}
