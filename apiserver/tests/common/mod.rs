//! A server in this process on an SQLite store in a temporary directory, and requests to it.
#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "every test uses a part of it and fails by panicking"
)]

use std::{net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use corvette_apiserver::{
    ApiServer, Config, Local, UserInfo,
    body::{self, Body},
    filters::chain,
};
use corvette_component::tasks::Tasks;
use corvette_store::{
    Store,
    sqlite::{Options, Sqlite},
};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

/// A running server.
pub struct Server {
    pub api: ApiServer,
    pub tasks: Tasks,
    pub dir: tempfile::TempDir,
    pub store: Arc<Sqlite>,
    user: Local,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The message of a Status.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The reason of a Status.
    pub fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// Requires a code and gives the body.
    #[track_caller]
    pub fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Texts of the `Warning` headers.
    pub fn warnings(&self) -> Vec<String> {
        self.headers.get_all("warning").iter().map(|v| v.to_str().unwrap().to_owned()).collect()
    }
}

impl Server {
    /// Starts a server with a fresh store.
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// Starts a server on the store of a directory.
    pub async fn start_in(dir: tempfile::TempDir) -> Self {
        Self::start_as(dir, |_| {}).await
    }

    /// Starts a server with a fresh store and a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(tempfile::tempdir().unwrap(), change).await
    }

    async fn start_as(dir: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let tasks = Tasks::new("test");
        let store = Sqlite::open(dir.path().join("state.db"), Options::default(), &tasks).await.unwrap();
        let store = Arc::new(store);
        let mut config = Config::new(store.clone(), Ipv4Addr::new(192, 168, 7, 1).into(), 6443);
        change(&mut config);
        let api = ApiServer::new(config, &tasks).await.unwrap();
        let user = api.local(UserInfo::new("admin", &["system:masters"]));
        Self { api, tasks, dir, user, store }
    }

    /// Ends the server, compacts its store to the present and gives its directory back.
    pub async fn stop(self) -> tempfile::TempDir {
        let Self { api, tasks, dir, user, store } = self;
        store.compact(store.current_revision().await.unwrap()).await.unwrap();
        tasks.shutdown(std::time::Duration::from_secs(60)).await.unwrap();
        drop((api, user));
        store.close().await;
        dir
    }

    /// Makes a request as an administrator and gives the response with its body unread.
    pub async fn open(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        send(self.user.clone(), method, path, headers, body).await
    }

    /// Makes a request as an administrator.
    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        answer(self.open(method, path, headers, body).await).await
    }

    /// Makes a request as somebody else.
    pub async fn request_as(&self, user: UserInfo, method: Method, path: &str, body: &str) -> Answer {
        answer(send(self.api.local(user), method, path, &[], body).await).await
    }

    /// Makes a request without a user of the transport's, with a bearer token.
    pub async fn with_token(&self, token: &str, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(body::full(Bytes::from(body.to_owned()))).unwrap();
        answer(chain::serve(self.api.app().clone(), request).await).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[], &body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path, &[], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], "").await
    }

    pub async fn delete_with(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::DELETE, path, &[], &body.to_string()).await
    }

    pub async fn patch(&self, form: &str, path: &str, body: &Value) -> Answer {
        let content_type = format!("application/{form}-patch+json");
        self.request(Method::PATCH, path, &[("content-type", &content_type)], &body.to_string()).await
    }

    /// Opens a watch.
    pub async fn watch(&self, path: &str) -> Watching {
        let response = self.open(Method::GET, path, &[], "").await;
        assert_eq!(response.status(), 200);
        Watching { body: response.into_body(), buffer: Vec::new() }
    }
}

async fn send(user: Local, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    user.oneshot(request).await.unwrap()
}

async fn answer(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { code: head.status.as_u16(), headers: head.headers, body }
}

/// An open watch.
pub struct Watching {
    body: Body,
    buffer: Vec<u8>,
}

impl Watching {
    /// Returns the next event; `None` when the watch ended.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).unwrap();
                return Some((event["type"].as_str().unwrap().to_owned(), event["object"].clone()));
            }
            let frame = self.body.frame().await?.unwrap();
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// Returns type and name of the next event.
    pub async fn next_name(&mut self) -> (String, String) {
        let (kind, object) = self.next().await.expect("the watch goes on");
        (kind, object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    }
}

/// A ConfigMap.
pub fn config_map(name: &str, value: &str) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

/// A Pod with one container.
pub fn pod(name: &str) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "busybox:1"}]}})
}

pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
