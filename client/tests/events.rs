//! What a recorder writes.

use std::convert::Infallible;

use corvette_client::events::{EventType, Recorder};
use corvette_client::in_process;
use corvette_component::tasks::Tasks;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn the_first_is_created_the_next_are_counted_and_a_lost_one_is_made_again() {
    let (log, mut requests) = mpsc::channel::<(String, Value)>(16);
    let service = tower::service_fn(move |request: Request<Body>| {
        let log = log.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            let line = format!("{} {}", parts.method, parts.uri.path());
            let missing = parts.method == "PATCH" && body["count"] == json!(3);
            log.send((line, body)).await.unwrap();
            let (code, reply) = if missing {
                (
                    StatusCode::NOT_FOUND,
                    json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "gone"}),
                )
            } else {
                (StatusCode::OK, json!({"metadata": {}, "involvedObject": {}}))
            };
            Ok::<_, Infallible>(
                Response::builder().status(code).body(Body::from(reply.to_string().into_bytes())).unwrap(),
            )
        }
    });
    let tasks = Tasks::new("test");
    let recorder = Recorder::new(in_process(service, "test"), "replicaset-controller", None, &tasks);
    let object = ObjectReference {
        kind: Some("ReplicaSet".to_owned()),
        namespace: Some("n".to_owned()),
        name: Some("r".to_owned()),
        ..ObjectReference::default()
    };
    for _ in 0..3 {
        recorder.event(&object, EventType::Normal, "SuccessfulCreate", "Created pod: r-x");
    }
    let (line, created) = requests.recv().await.unwrap();
    assert_eq!(line, "POST /api/v1/namespaces/n/events");
    assert_eq!(created["reason"], "SuccessfulCreate");
    assert_eq!(created["source"], json!({"component": "replicaset-controller"}));
    assert_eq!((&created["count"], &created["type"]), (&json!(1), &json!("Normal")));
    let name = created["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("r."));
    let (line, patch) = requests.recv().await.unwrap();
    assert_eq!(line, format!("PATCH /api/v1/namespaces/n/events/{name}"));
    assert_eq!(patch["count"], 2);
    assert!(requests.recv().await.unwrap().0.starts_with("PATCH"));
    let (line, again) = requests.recv().await.unwrap();
    assert_eq!((line.as_str(), &again["count"]), ("POST /api/v1/namespaces/n/events", &json!(3)));
    tasks.shutdown(std::time::Duration::from_secs(1)).await.unwrap();
}
