//! Requests with plain JSON bodies: what the command line prints is what the server sent, not what a type of ours kept of it.

use anyhow::{Context as _, Result};
use corvette_client::kube::Client;
use futures::AsyncBufRead;
use http::{Method, Request};
use serde_json::Value;

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

/// Sends requests over the session's client, whose deadlines apply.
#[derive(Clone)]
pub struct Requests {
    client: Client,
}

impl Requests {
    /// Requests over `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// GET.
    pub async fn get(&self, path: &str, accept: Accept) -> Result<Value> {
        self.send(Method::GET, path, accept, "application/json", Vec::new()).await
    }

    /// A request with a JSON body.
    pub async fn write(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        self.send(method, path, Accept::Object, "application/json", serde_json::to_vec(body)?).await
    }

    /// PATCH with a patch of the given media type.
    pub async fn patch(&self, path: &str, content_type: &str, patch: &Value) -> Result<Value> {
        self.send(Method::PATCH, path, Accept::Object, content_type, serde_json::to_vec(patch)?).await
    }

    /// GET of a stream of lines: watches and logs.
    pub async fn stream(&self, path: &str, accept: Accept) -> Result<impl AsyncBufRead + use<>> {
        let request = build(Method::GET, path, accept, "application/json", Vec::new())?;
        Ok(self.client.request_stream(request).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: Accept,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Value> {
        Ok(self.client.request(build(method, path, accept, content_type, body)?).await?)
    }
}

fn build(method: Method, path: &str, accept: Accept, content_type: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept.header())
        .header("content-type", content_type)
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
