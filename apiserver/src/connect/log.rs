//! pods/log: the kubelet's answer as plain text, or as messages of a WebSocket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use corvette_api::field::{Errors, Path};
use corvette_api::gvk::GroupKind;
use corvette_api::status::{self, Status};
use corvette_component::http::websocket::{self, tungstenite::Message};
use futures::{StreamExt as _, future, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;

use super::{Scope, exec, pods};
use crate::body::{self, Body};
use crate::endpoints::socket;
use crate::filters::query::Query;

/// Subprotocols of logs: bytes as they are, and as base64 text.
const PROTOCOLS: [&str; 3] = ["binary.k8s.io", "base64.binary.k8s.io", ""];
/// How much of a kubelet's refusal is quoted, in bytes.
const REFUSAL_MAX: usize = 64 * 1024;

/// Streams the log of a container.
pub(super) async fn serve(scope: &Scope, request: Request<Body>) -> Result<Response<Body>, Status> {
    let name = scope.info.name.clone();
    let options = options(&scope.info.query, &name)?;
    let pod = scope.object("pods", &name).await?;
    let container = pods::container(&pod, scope.info.query.get("container"))?;
    let Some(node) = pods::node_name(&pod) else {
        // Nothing was logged anywhere yet.
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    };
    let node = exec::node_object(&scope.app, node).await?;
    let target = exec::target(&["containerLogs", &scope.info.namespace, &name, &container], &options);
    let ask = Request::get("/").body(body::empty()).map_err(status::internal)?;
    let response = exec::forward(&scope.app, &node, target, ask).await?;
    if !response.status().is_success() {
        return Err(refusal(response, &name).await);
    }
    if websocket::is_handshake(request.headers()) {
        return over_websocket(scope, request, response.into_body());
    }
    let mut reply = Response::new(response.into_body());
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(reply)
}

/// Validates the options and writes them for the kubelet (`pkg/apis/core/validation: ValidatePodLogOptions @ v1.36`).
fn options(query: &Query, pod: &str) -> Result<String, Status> {
    let mut errs = Errors::default();
    let mut out = form_urlencoded::Serializer::new(String::new());
    for flag in ["follow", "previous", "timestamps"] {
        if query.flag(flag) {
            out.append_pair(flag, "true");
        }
    }
    let bounds = [
        ("tailLines", 0, "must be greater than or equal to 0"),
        ("limitBytes", 1, "must be greater than 0"),
        ("sinceSeconds", 1, "must be greater than 0"),
    ];
    for (name, least, detail) in bounds {
        let Some(value) = query.number(name).map_err(status::bad_request)? else { continue };
        if value < least {
            errs.invalid_value(&Path::new(name), value, detail);
        }
        out.append_pair(name, &value.to_string());
    }
    let time = query.text("sinceTime");
    if !time.is_empty() {
        if query.get("sinceSeconds").is_some_and(|seconds| !seconds.is_empty()) {
            errs.forbidden(&Path::new(""), "at most one of `sinceTime` or `sinceSeconds` may be specified");
        }
        time.parse::<jiff::Timestamp>().map_err(|_| {
            status::bad_request(format!("parsing time {time:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse"))
        })?;
        out.append_pair("sinceTime", time);
    }
    let stream = query.text("stream");
    if !stream.is_empty() {
        let path = Path::new("stream");
        if !matches!(stream, "All" | "Stdout" | "Stderr") {
            errs.not_supported_value(&path, stream, &["All", "Stdout", "Stderr"]);
        } else if stream != "All" && query.get("tailLines").is_some_and(|lines| !lines.is_empty()) {
            errs.forbidden(&Path::new(""), "`tailLines` and specific `stream` are mutually exclusive for now");
        }
        out.append_pair("stream", stream);
    }
    if errs.is_empty() {
        return Ok(out.finish());
    }
    let kind = GroupKind { group: "".into(), kind: "PodLogOptions".into() };
    Err(status::invalid(&kind, pod, &errs))
}

/// Turns a kubelet's refusal into a status (`apiserver: GenericHttpResponseChecker`).
async fn refusal(response: Response<Body>, pod: &str) -> Status {
    let code = response.status();
    let text = match http_body_util::Limited::new(response.into_body(), REFUSAL_MAX).collect().await {
        Ok(text) => String::from_utf8_lossy(&text.to_bytes()).trim_end().to_owned(),
        Err(error) => return status::internal(error.to_string()),
    };
    match code {
        StatusCode::BAD_REQUEST => status::bad_request(text),
        StatusCode::NOT_FOUND => {
            let mut refusal = status::not_found(&super::resource("pods"), pod);
            refusal.message = format!("the server could not find the requested resource ( pods {pod}): {text}");
            refusal
        }
        StatusCode::SERVICE_UNAVAILABLE => status::service_unavailable(text),
        _ => status::internal(text),
    }
}

/// Accepts a WebSocket and sends the log through it.
fn over_websocket(scope: &Scope, mut request: Request<Body>, log: Body) -> Result<Response<Body>, Status> {
    let accepted = socket::accept(&mut request, &PROTOCOLS)?;
    let base64 = accepted.protocol == "base64.binary.k8s.io";
    let message = move |data: Bytes| if base64 { Message::text(STANDARD.encode(data)) } else { Message::Binary(data) };
    // As upstream: an empty message tells the client that the connection stands.
    let hello = stream::once(future::ready(Ok(Bytes::new())));
    let messages = hello.chain(log.into_data_stream()).map(move |chunk| chunk.map(message));
    Ok(socket::answer(&scope.app, "log over WebSocket", accepted, messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<String, Status> {
        options(&Query::parse(Some(query)), "p")
    }

    #[test]
    fn options_are_passed_on() {
        let query = "follow=true&previous=false&tailLines=5&sinceSeconds=7&container=c";
        assert_eq!(of(query).unwrap(), "follow=true&tailLines=5&sinceSeconds=7");
        assert_eq!(of("sinceTime=2026-01-01T00:00:00Z").unwrap(), "sinceTime=2026-01-01T00%3A00%3A00Z");
    }

    #[test]
    fn bad_options_are_invalid_or_bad() {
        let message = of("tailLines=-1").expect_err("negative").message;
        let expected =
            "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0";
        assert_eq!(message, expected);
        assert_eq!(of("limitBytes=0").expect_err("zero").code, 422);
        assert_eq!(of("sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z").expect_err("both").code, 422);
        assert_eq!(of("tailLines=x").expect_err("no number").code, 400);
        assert_eq!(of("sinceTime=yesterday").expect_err("no time").code, 400);
        assert_eq!(of("stream=Nope").expect_err("no stream").code, 422);
    }
}
