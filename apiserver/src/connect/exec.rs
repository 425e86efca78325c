//! pods/exec, pods/attach and pods/portforward: the upgrade is passed on to the kubelet of the pod's node.

use std::time::Duration;

use corvette_api::status::{self, Status};
use corvette_component::http::proxy::{self, is_upgrade};
use http::{Request, Response, Uri, header};

use super::{Scope, dial, pods, remove_credentials};
use crate::App;
use crate::body::{self, Body};
use crate::filters::query::Query;

/// How long a kubelet may take to answer; it asks the runtime, which has two minutes.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);

/// What is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new process in a container.
    Exec,
    /// The main process of a container.
    Attach,
    /// Ports of a pod.
    PortForward,
}

impl Kind {
    /// By the name of the subresource.
    pub(super) fn named(subresource: &str) -> Self {
        match subresource {
            "exec" => Self::Exec,
            "attach" => Self::Attach,
            _ => Self::PortForward,
        }
    }

    /// First part of the kubelet's path.
    fn path(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portForward",
        }
    }
}

/// Connects the caller to the kubelet.
pub(super) async fn serve(scope: &Scope, request: Request<Body>, kind: Kind) -> Result<Response<Body>, Status> {
    let info = &scope.info;
    let pod = scope.object("pods", &info.name).await?;
    let mut segments = vec![kind.path(), &info.namespace, &info.name];
    let container;
    if kind != Kind::PortForward {
        container = pods::container(&pod, info.query.get("container"))?;
        segments.push(&container);
    }
    let Some(node) = pods::node_name(&pod) else {
        return Err(status::bad_request(format!("pod {} does not have a host assigned", info.name)));
    };
    if !is_upgrade(request.headers()) {
        return Err(status::bad_request("Upgrade request required"));
    }
    let target = target(&segments, &options(kind, &info.query));
    let node = node_object(&scope.app, node).await?;
    forward(&scope.app, &node, target, request).await
}

/// The options of the API as the kubelet reads them.
fn options(kind: Kind, query: &Query) -> String {
    let mut options = form_urlencoded::Serializer::new(String::new());
    if kind == Kind::PortForward {
        for port in query.all("ports") {
            options.append_pair("port", port);
        }
        return options.finish();
    }
    for (ours, theirs) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] {
        // As upstream defaults them (`pkg/apis/core/v1: SetDefaults_PodExecOptions`): output unless refused.
        if query.maybe_flag(ours).unwrap_or(matches!(ours, "stdout" | "stderr")) {
            options.append_pair(theirs, "1");
        }
    }
    for word in query.all("command") {
        options.append_pair("command", word);
    }
    options.finish()
}

/// A path of encoded segments with a query.
pub(super) fn target(segments: &[&str], query: &str) -> String {
    let mut target = String::new();
    for segment in segments {
        target.push('/');
        target.extend(percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC));
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(query);
    }
    target
}

/// Reads the node of a pod.
pub(super) async fn node_object(app: &App, name: &str) -> Result<serde_json::Value, Status> {
    let node = app.object("", "nodes", None, name).await?;
    node.ok_or_else(|| status::not_found(&super::resource("nodes"), name))
}

/// Sends a request to the kubelet of a node and gives its answer, upgraded where both agree.
///
/// # Errors
/// 500 when the kubelet cannot be reached, 503 when this server has no credentials for kubelets.
pub(super) async fn forward(
    app: &App,
    node: &serde_json::Value,
    target: String,
    mut request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let (host, port) = pods::kubelet(node)?;
    let config = app.config.kubelet_tls.as_ref();
    let config = config.ok_or_else(|| status::service_unavailable("this server has no credentials for kubelets"))?;
    let unreachable = |error: &dyn std::error::Error| dial::unreachable_kubelet(&host, port, error);
    remove_credentials(request.headers_mut());
    let invalid = |error: http::Error| status::bad_request(error.to_string());
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| invalid(error.into()))?;
    let authority = authority(&host, port);
    request
        .headers_mut()
        .insert(header::HOST, authority.parse().map_err(|e: header::InvalidHeaderValue| invalid(e.into()))?);
    let stream = dial::tls(&host, port, config).await.map_err(|error| unreachable(&error))?;
    let forwarded = tokio::time::timeout(ANSWER_WITHIN, proxy::forward(stream, request, app.tasks())).await;
    let response = forwarded.map_err(|_| status::timeout("the kubelet does not answer", 0))?;
    Ok(response.map_err(|error| unreachable(&error))?.map(body::boxed))
}

/// Host and port as in a URL.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_on_unless_refused() {
        let of = |kind, query| options(kind, &Query::parse(Some(query)));
        assert_eq!(
            of(Kind::Exec, "command=a&command=b%20c&stdin=true"),
            "input=1&output=1&error=1&command=a&command=b+c"
        );
        assert_eq!(of(Kind::Attach, "stdout=true&stderr=false&tty=true"), "output=1&tty=1");
        assert_eq!(of(Kind::PortForward, "ports=80&ports=81"), "port=80&port=81");
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(target(&["exec", "ns", "a.b"], "x=1"), "/exec/ns/a%2Eb?x=1");
        assert_eq!(target(&["a/b"], ""), "/a%2Fb");
        assert_eq!(authority("::1", 1), "[::1]:1");
    }
}
