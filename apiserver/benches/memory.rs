//! What stored objects cost in memory: `cargo bench -p corvette-apiserver --bench memory`.
//!
//! One server in this process on an SQLite store, without controllers. Prints resident memory with nothing stored, with
//! 10,000 pods stored, and after each was changed once, beside the bytes of the pods' JSON.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use corvette_apiserver::{ApiServer, Config, Local, UserInfo};
use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use futures::{StreamExt, stream};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

const PODS: &str = "/api/v1/namespaces/default/pods";
const COUNT: usize = 10_000;
/// Requests at once.
const PARALLEL: usize = 64;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let tasks = Tasks::new("bench");
    let store = Sqlite::open(dir.path().join("state.db"), Options::default(), &tasks).await.expect("a store");
    let config = Config::new(Arc::new(store), Ipv4Addr::new(192, 168, 7, 1).into(), 6443);
    let api = ApiServer::new(config, &tasks).await.expect("a server");
    let user = api.local(UserInfo::new("admin", &["system:masters"]));
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    send(&user, Method::POST, "/api/v1/namespaces/default/serviceaccounts", account.to_string()).await;
    let empty = resident();
    println!("{:34} {:>8} {:>10}", "stored", "MiB", "B per pod");
    report("nothing", empty, empty);
    all(|at| (Method::POST, PODS.to_owned(), pod(at)), &user).await;
    report("10,000 pods", resident(), empty);
    all(|at| (Method::PATCH, format!("{PODS}/pod-{at}"), json!({"metadata": {"annotations": {"a": "b"}}})), &user)
        .await;
    report("10,000 pods, each changed", resident(), empty);
    let list = send(&user, Method::GET, PODS, String::new()).await.len();
    println!("{:34} {:>8.1} {:>10}", "their JSON", mib(list), list / COUNT);
    if tasks.shutdown(Duration::from_secs(10)).await.is_err() {
        println!("tasks were still running at the end");
    }
}

async fn all(make: impl Fn(usize) -> (Method, String, Value), user: &Local) {
    let requests = (0..COUNT).map(|at| {
        let (method, path, body) = make(at);
        async move { send(user, method, &path, body.to_string()).await }
    });
    stream::iter(requests).buffer_unordered(PARALLEL).for_each(|_| async {}).await;
}

async fn send(user: &Local, method: Method, path: &str, body: String) -> Bytes {
    let form = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", form);
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    let response = user.clone().oneshot(request).await.expect("an answer");
    let code = response.status();
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    assert!(code.is_success(), "{code}: {}", String::from_utf8_lossy(&body));
    body
}

fn pod(at: usize) -> Value {
    let variables: Vec<Value> =
        (0..12).map(|i| json!({"name": format!("VARIABLE_{i}"), "value": format!("value {i} of pod {at}")})).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{at}"), "labels": {"app": "web", "tier": "back"}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1", "env": variables,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}})
}

fn report(what: &str, now: usize, empty: usize) {
    println!("{what:34} {:>8.1} {:>10}", mib(now), (now - empty) / COUNT);
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mib(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) * 1024
}
