//! From paths to handlers.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use super::auth::Access;
use super::reply::{self, Refusal, Reply};
use super::{Server, exec, info, listen, logs, ports, resource_metrics, stats};

/// A request taken apart.
pub(super) struct Call {
    pub(super) server: Arc<Server>,
    /// Decoded query, in order.
    pub(super) query: Vec<(String, String)>,
    pub(super) request: Request<Incoming>,
}

/// The pod and container that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) uid: Option<String>,
    /// Empty where the path names a pod only.
    pub(super) container: String,
}

impl Call {
    /// First value of a query option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether one of the names is set to a true value, as upstream reads booleans of a query.
    pub(super) fn flag(&self, names: &[&str]) -> bool {
        let set = names.iter().find_map(|name| self.option(name));
        set.is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    /// All values of a query option.
    pub(super) fn options(&self, name: &str) -> Vec<String> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }
}

/// Answers one request.
pub(super) async fn handle(server: Arc<Server>, access: Access, request: Request<Incoming>) -> Reply {
    if let Some(refusal) = listen::refusal(access) {
        return refusal.into();
    }
    let query = request.uri().query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let segments: Vec<String> = request.uri().path().split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = request.method().clone();
    let call = Call { server, query, request };
    dispatch(&method, &segments, call).await.unwrap_or_else(Reply::from)
}

async fn dispatch(method: &Method, path: &[&str], call: Call) -> Result<Reply, Refusal> {
    let get = method == Method::GET;
    let stream = get || method == Method::POST;
    match path {
        ["healthz" | "livez" | "readyz", ..] if get => Ok(reply::text(StatusCode::OK, "ok")),
        ["pods"] if get => Ok(info::pods(&call)),
        ["metrics"] if get => Ok(info::metrics()),
        ["metrics", "resource"] if get => resource_metrics::resource(&call).await,
        ["configz"] if get => Ok(reply::json(&call.server.configz)),
        ["stats", "summary"] if get => stats::summary(&call).await,
        ["containerLogs", rest @ ..] if get => logs::container(call, target(rest)?).await,
        ["exec", rest @ ..] if stream => exec::exec(call, target(rest)?).await,
        ["attach", rest @ ..] if stream => exec::attach(call, target(rest)?).await,
        ["run", rest @ ..] if method == Method::POST => exec::run(call, target(rest)?).await,
        ["portForward", namespace, pod] if stream => ports::forward(call, pod_target(namespace, pod, None)).await,
        ["portForward", namespace, pod, uid] if stream => {
            ports::forward(call, pod_target(namespace, pod, Some(uid))).await
        }
        [
            "healthz" | "livez" | "readyz" | "pods" | "metrics" | "configz" | "stats" | "containerLogs" | "exec"
            | "attach" | "run" | "portForward",
            ..,
        ] => Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed".to_owned())),
        _ => Err(Refusal::not_found("404: Page Not Found")),
    }
}

fn pod_target(namespace: &str, pod: &str, uid: Option<&str>) -> Target {
    Target {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        uid: uid.map(str::to_owned),
        container: String::new(),
    }
}

/// Reads `namespace/pod/container` or `namespace/pod/uid/container`.
fn target(path: &[&str]) -> Result<Target, Refusal> {
    match path {
        [namespace, pod, container] => {
            Ok(Target { container: (*container).to_owned(), ..pod_target(namespace, pod, None) })
        }
        [namespace, pod, uid, container] => {
            Ok(Target { container: (*container).to_owned(), ..pod_target(namespace, pod, Some(uid)) })
        }
        _ => Err(Refusal::not_found("404: Page Not Found")),
    }
}

/// Decodes percent escapes of a path segment.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_three_or_four_parts() {
        assert_eq!(target(&["ns", "p", "c"]).unwrap().container, "c");
        assert_eq!(target(&["ns", "p", "u", "c"]).unwrap().uid.as_deref(), Some("u"));
        assert!(target(&["ns", "p"]).is_err());
        assert_eq!(decode("a%2Fb%zz%4"), "a/b%zz%4");
    }
}
