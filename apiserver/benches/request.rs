//! CPU of single requests, in this process on an SQLite store: `cargo bench -p corvette-apiserver --bench request`.
//!
//! Prints microseconds of CPU time of the whole process for each request (so those of the store's threads count), and the
//! ratio to reading the same object. `PATCH 10 KB pod` is the one with a budget: 150 µs.

use std::{future::Future, hint::black_box, net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use corvette_apiserver::{ApiServer, Config, Local, UserInfo};
use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

const PODS: &str = "/api/v1/namespaces/default/pods";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Bench {
    user: Local,
    base: f64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().expect("a directory");
    let tasks = Tasks::new("bench");
    let store = Sqlite::open(dir.path().join("state.db"), Options::default(), &tasks).await.expect("a store");
    let config = Config::new(Arc::new(store), Ipv4Addr::new(192, 168, 7, 1).into(), 6443);
    let api = ApiServer::new(config, &tasks).await.expect("a server");
    let mut bench = Bench { user: api.local(UserInfo::new("admin", &["system:masters"])), base: 0.0 };
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    bench.send(Method::POST, "/api/v1/namespaces/default/serviceaccounts", "", account.to_string()).await;
    let large = pod("large", 10_000);
    bench.send(Method::POST, PODS, "", large.to_string()).await;
    let path = format!("{PODS}/large");
    println!("{:34} {:>10} {:>8}", "request", "CPU µs", "ratio");
    bench.measure("GET 10 KB pod", 3000, |_| (Method::GET, path.clone(), "", String::new())).await;
    let patch = |at: usize| json!({"metadata": {"annotations": {"at": at.to_string()}}}).to_string();
    bench.measure("PATCH 10 KB pod (merge)", 1000, |at| (Method::PATCH, path.clone(), MERGE, patch(at))).await;
    bench
        .measure("PATCH 10 KB pod (strategic)", 1000, |at| (Method::PATCH, path.clone(), STRATEGIC, patch(at + 5000)))
        .await;
    let status = |at: usize| json!({"status": {"message": at.to_string()}}).to_string();
    let at_status = format!("{path}/status");
    bench
        .measure("PATCH 10 KB pod status (strategic)", 1000, |at| {
            (Method::PATCH, at_status.clone(), STRATEGIC, status(at))
        })
        .await;
    bench
        .measure("PATCH dry run (no store)", 1000, |at| {
            (Method::PATCH, format!("{path}?dryRun=All"), STRATEGIC, patch(at + 9000))
        })
        .await;
    let maps = "/api/v1/namespaces/default/configmaps";
    bench.measure("POST ConfigMap of 1 KB", 1000, |at| {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{at}")}, "data": {"k": "x".repeat(900)}});
        (Method::POST, maps.to_owned(), "", map.to_string())
    }).await;
    bench
        .measure("POST pod of 750 B", 1000, |at| {
            (Method::POST, PODS.to_owned(), "", pod(&format!("p{at}"), 200).to_string())
        })
        .await;
    bench.measure("LIST 1,000 pods", 500, |_| (Method::GET, PODS.to_owned(), "", String::new())).await;
    bench
        .measure("LIST 1,000 pods by label (none)", 2000, |_| {
            (Method::GET, format!("{PODS}?labelSelector=none%3Dx"), "", String::new())
        })
        .await;
    if tasks.shutdown(Duration::from_secs(10)).await.is_err() {
        println!("tasks were still running at the end");
    }
}

impl Bench {
    async fn measure(
        &mut self,
        name: &str,
        count: usize,
        make: impl Fn(usize) -> (Method, String, &'static str, String),
    ) {
        // `cargo bench … -- TEXT` runs what has TEXT in its name; the rest is not measured.
        if std::env::args().nth(1).is_some_and(|wanted| !wanted.starts_with('-') && !name.contains(&wanted)) {
            return;
        }
        for at in 0..count / 10 {
            let (method, path, form, body) = make(at + 1_000_000);
            self.send(method, &path, form, body).await;
        }
        let before = cpu();
        for at in 0..count {
            let (method, path, form, body) = make(at);
            self.send(method, &path, form, body).await;
        }
        let micros = (cpu() - before).as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if self.base == 0.0 {
            self.base = micros;
        }
        println!("{name:34} {micros:>10.1} {:>8.2}", micros / self.base);
    }

    fn send(&self, method: Method, path: &str, form: &str, body: String) -> impl Future<Output = ()> + use<> {
        let mut request = Request::builder().method(method).uri(path);
        if !form.is_empty() {
            request = request.header("content-type", form);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let user = self.user.clone();
        async move {
            let response = user.oneshot(request).await.expect("an answer");
            let code = response.status();
            let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            assert!(code.is_success(), "{code}: {}", String::from_utf8_lossy(&body));
            black_box(body);
        }
    }
}

/// A pod of about `size` bytes: environment variables make up what is missing.
fn pod(name: &str, size: usize) -> Value {
    let variables: Vec<Value> = (0..size / 80)
        .map(|i| json!({"name": format!("VARIABLE_{i}"), "value": "a value of some forty characters, or so"}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "busybox:1", "env": variables,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}})
}

/// CPU time of the process so far.
fn cpu() -> Duration {
    let mut total = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanos = text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
        total += Duration::from_nanos(nanos);
    }
    total
}
