//! Requests with plain JSON bodies: what the command line prints is what the server sent, not what a type of ours kept of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_api::quote::quote;
use corvette_client::kube;
use corvette_client::kube::Client;
use corvette_client::kube::client::Body;
use corvette_client::kube::core::Status;
use futures::{AsyncBufRead, AsyncReadExt as _, TryStreamExt as _};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::error::Unreachable;
use crate::value::{list, text};

/// Objects of a list asked for at once.
const PAGE: u32 = 500;

/// How the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// The object itself.
    Object,
    /// A table for people.
    Table,
    /// Aggregated discovery.
    Discovery,
}

impl Accept {
    fn header(self) -> &'static str {
        match self {
            Self::Object => "application/json",
            Self::Table => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Self::Discovery => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
        }
    }
}

/// Sends requests, each with a deadline. Warnings of the server go to standard error, each once.
#[derive(Clone)]
pub struct Requests {
    client: Client,
    host: Arc<str>,
    deadline: Option<Duration>,
    /// Warnings already shown.
    warned: Arc<Mutex<BTreeSet<String>>>,
}

impl Requests {
    /// Requests over `client`, which is connected to `host`.
    pub fn new(client: Client, host: String, deadline: Option<Duration>) -> Self {
        Self { client, host: host.into(), deadline, warned: Arc::default() }
    }

    /// GET.
    pub async fn get(&self, path: &str, accept: Accept) -> Result<Value> {
        self.send(Method::GET, path, accept, "application/json", Vec::new()).await
    }

    /// All items of a list, page by page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let pages = self.pages(path, Accept::Object, PAGE).await?;
        Ok(pages.iter().flat_map(|page| list(page, "/items")).cloned().collect())
    }

    /// A list, in pages of this many items; 0 is all at once.
    pub async fn pages(&self, path: &str, accept: Accept, page: u32) -> Result<Vec<Value>> {
        let limit = if page == 0 { String::new() } else { page.to_string() };
        let (mut pages, mut token) = (Vec::new(), String::new());
        loop {
            let page = self.get(&with_query(path, &[("limit", &limit), ("continue", &token)]), accept).await?;
            text(&page, "/metadata/continue").clone_into(&mut token);
            pages.push(page);
            if token.is_empty() {
                return Ok(pages);
            }
        }
    }

    /// A request with a JSON body.
    pub async fn write(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        self.send(method, path, Accept::Object, "application/json", serde_json::to_vec(body)?).await
    }

    /// PATCH with a patch of the given media type.
    pub async fn patch(&self, path: &str, content_type: &str, patch: &Value) -> Result<Value> {
        self.send(Method::PATCH, path, Accept::Object, content_type, serde_json::to_vec(patch)?).await
    }

    /// GET of anything, as it is.
    pub async fn raw(&self, path: &str) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut stream = std::pin::pin!(self.stream(path, Accept::Object).await?);
        stream.read_to_end(&mut body).await?;
        Ok(body)
    }

    /// GET of a stream of lines: watches and logs. Only its beginning has a deadline.
    pub async fn stream(&self, path: &str, accept: Accept) -> Result<impl AsyncBufRead + use<>> {
        let request = build(Method::GET, path, accept, "application/json", Vec::new())?;
        let response = self.within_deadline(self.begin(request)).await?;
        if !response.status().is_success() {
            return Err(self.within_deadline(self.refusal(response)).await?);
        }
        Ok(response.into_body().into_data_stream().map_err(std::io::Error::other).into_async_read())
    }

    /// Words an error of the client as one of the connection.
    pub fn unreachable(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> anyhow::Error {
        Unreachable { host: self.host.to_string(), source: source.into() }.into()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: Accept,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Value> {
        let request = build(method, path, accept, content_type, body)?;
        let exchange = async {
            let response = self.begin(request).await?;
            if !response.status().is_success() {
                return Err(self.refusal(response).await?);
            }
            let body = response.into_body().collect().await.map_err(|error| self.unreachable(error))?;
            serde_json::from_slice(&body.to_bytes()).with_context(|| format!("the answer to {path} is not JSON"))
        };
        self.within_deadline(exchange).await
    }

    async fn within_deadline<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(deadline) = self.deadline else { return request.await };
        match tokio::time::timeout(deadline, request).await {
            Ok(answer) => answer,
            Err(_) => Err(self.unreachable(format!("no answer within {deadline:?}"))),
        }
    }

    async fn begin(&self, request: Request<Vec<u8>>) -> Result<Response<Body>> {
        let sent = self.client.send(request.map(Body::from)).await;
        let response = sent.map_err(|error| match error {
            kube::Error::Service(source) => self.unreachable(source),
            kube::Error::HyperError(source) => self.unreachable(source),
            other => other.into(),
        })?;
        self.warn(response.headers());
        Ok(response)
    }

    /// The error a response without success stands for.
    async fn refusal(&self, response: Response<Body>) -> Result<anyhow::Error> {
        let code = response.status();
        let body = response.into_body().collect().await.map_err(|error| self.unreachable(error))?.to_bytes();
        let status = serde_json::from_slice::<Status>(&body).ok().filter(|status| !status.message.is_empty());
        let status = status.unwrap_or_else(|| generic(code, String::from_utf8_lossy(&body).trim_end()));
        Ok(kube::Error::Api(Box::new(status)).into())
    }

    fn warn(&self, headers: &HeaderMap) {
        for warning in headers.get_all("warning").iter().filter_map(|header| header.to_str().ok()) {
            // 299 - "text"
            let Some((_, quoted)) = warning.split_once('"') else { continue };
            let said = quoted.strip_suffix('"').unwrap_or(quoted).replace("\\\"", "\"").replace("\\\\", "\\");
            if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(said.clone()) {
                eprintln!("Warning: {said}");
            }
        }
    }
}

/// What an answer means that does not say so itself.
fn generic(code: StatusCode, body: &str) -> Status {
    let (reason, message) = match code {
        StatusCode::NOT_FOUND => ("NotFound", "the server could not find the requested resource".to_owned()),
        StatusCode::UNAUTHORIZED => {
            ("Unauthorized", "the server has asked for the client to provide credentials".to_owned())
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            ("MethodNotAllowed", "the server does not allow this method on the requested resource".to_owned())
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("ServiceUnavailable", "the server is currently unable to handle the request".to_owned())
        }
        StatusCode::INTERNAL_SERVER_ERROR => (
            "InternalError",
            format!("an error on the server ({}) has prevented the request from succeeding", quote(body)),
        ),
        _ if !body.is_empty() => ("", body.to_owned()),
        code => (
            "",
            format!("the server responded with the status code {} but did not return more information", code.as_u16()),
        ),
    };
    Status { code: code.as_u16(), message, reason: reason.to_owned(), ..Status::default() }
}

fn build(method: Method, path: &str, accept: Accept, content_type: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept.header())
        .header("content-type", content_type)
        .header("user-agent", concat!("cvctl/", env!("CARGO_PKG_VERSION")))
        .body(body)
        .with_context(|| format!("cannot ask for {path}"))
}

/// Adds `name=value` to the query of `path`, escaped.
pub fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    match (query.is_empty(), path.contains('?')) {
        (true, _) => path.to_owned(),
        (false, true) => format!("{path}&{query}"),
        (false, false) => format!("{path}?{query}"),
    }
}

/// A segment of a path, escaped.
pub fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
