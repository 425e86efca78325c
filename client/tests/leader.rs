//! Elections over a Lease held in memory behind the client's own HTTP surface.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::leader::{self, Config, Elector};
use corvette_client::{in_process, kube::Client};
use corvette_component::tasks::Tasks;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// One Lease with optimistic concurrency, and a switch that makes it unreachable.
#[derive(Default)]
struct Server {
    lease: Option<Value>,
    version: u64,
    down: bool,
}

fn reply(code: StatusCode, body: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
}

fn failure(code: StatusCode, reason: &str) -> Response<Body> {
    reply(
        code,
        &json!({"kind": "Status", "status": "Failure", "code": code.as_u16(), "reason": reason, "message": reason}),
    )
}

fn answer(server: &Mutex<Server>, method: &Method, body: &[u8]) -> Response<Body> {
    let mut server = server.lock();
    if server.down {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
    }
    if *method == Method::GET {
        return match &server.lease {
            Some(lease) => reply(StatusCode::OK, lease),
            None => failure(StatusCode::NOT_FOUND, "NotFound"),
        };
    }
    let mut lease: Value = serde_json::from_slice(body).unwrap();
    let known = server.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
    if known.is_some_and(|known| known != lease["metadata"]["resourceVersion"]) {
        return failure(StatusCode::CONFLICT, "Conflict");
    }
    server.version += 1;
    lease["metadata"]["resourceVersion"] = json!(server.version.to_string());
    server.lease = Some(lease.clone());
    reply(StatusCode::OK, &lease)
}

fn client(server: &Arc<Mutex<Server>>) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(answer(&server, &parts.method, &body))
        }
    });
    in_process(service, "test")
}

/// Runs a candidate that reports `(name, leads)` at each change.
fn candidate(server: &Arc<Mutex<Server>>, name: &'static str, tasks: &Tasks, log: &mpsc::Sender<(&'static str, bool)>) {
    let elector = Elector::new(client(server), Config::new("kube-system", "test", name));
    let (scope, log) = (tasks.clone(), log.clone());
    tasks.spawn(name, async move {
        leader::run(elector, &scope, |token| {
            let log = log.clone();
            async move {
                log.send((name, true)).await.unwrap();
                token.cancelled().await;
                log.send((name, false)).await.unwrap();
            }
        })
        .await;
    });
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_hands_over_at_shutdown() {
    let (server, (log, mut changes)) = (Arc::default(), mpsc::channel(16));
    let (one, two) = (Tasks::new("one"), Tasks::new("two"));
    candidate(&server, "a", &one, &log);
    assert_eq!(changes.recv().await, Some(("a", true)));
    candidate(&server, "b", &two, &log);
    let waited = tokio::time::timeout(Duration::from_secs(120), changes.recv()).await;
    assert!(waited.is_err(), "a follower led although the leader renews: {waited:?}");

    let start = Instant::now();
    one.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(changes.recv().await, Some(("a", false)));
    assert_eq!(changes.recv().await, Some(("b", true)));
    assert!(start.elapsed() <= Duration::from_secs(3), "release makes waiting for expiry needless");
    let lease = server.lock().lease.clone().unwrap();
    assert_eq!((&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]), (&json!("b"), &json!(1)));
    two.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(server.lock().lease.as_ref().unwrap()["spec"]["holderIdentity"], json!(""));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_the_lease_expires() {
    let (server, (log, mut changes)) = (Arc::<Mutex<Server>>::default(), mpsc::channel(16));
    let tasks = Tasks::new("test");
    candidate(&server, "a", &tasks, &log);
    assert_eq!(changes.recv().await, Some(("a", true)));
    server.lock().down = true;
    let start = Instant::now();
    assert_eq!(changes.recv().await, Some(("a", false)));
    assert!(start.elapsed() <= Duration::from_secs(12) && start.elapsed() < Duration::from_secs(15));
    server.lock().down = false;
    assert_eq!(changes.recv().await, Some(("a", true)));
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_replaced_after_the_lease_duration() {
    let (server, (log, mut changes)) = (Arc::default(), mpsc::channel(16));
    let (one, two) = (Tasks::new("one"), Tasks::new("two"));
    let elector = Elector::new(client(&server), Config::new("kube-system", "test", "dead"));
    let scope = one.clone();
    let dying = one.spawn("dying", async move { leader::run(elector, &scope, |_| std::future::pending::<()>()).await });
    while server.lock().lease.is_none() {
        tokio::task::yield_now().await;
    }
    dying.abort();
    let start = Instant::now();
    candidate(&server, "b", &two, &log);
    assert_eq!(changes.recv().await, Some(("b", true)));
    assert!(start.elapsed() >= Duration::from_secs(15) && start.elapsed() <= Duration::from_secs(20));
    two.shutdown(Duration::from_secs(5)).await.unwrap();
}
