//! An API server that lists what it is given and tells changes when asked to.

use std::convert::Infallible;
use std::sync::Arc;

use corvette_client::in_process;
use corvette_client::kube::Client;
use corvette_client::kube::client::Body;
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify, mpsc};

use crate::common;

/// Makes a client of an API server with the cluster of [`common`].
pub fn cluster() -> Client {
    client(common::services(), common::slices(), None, None)
}

/// A client of an API server that lists these objects, once `gate` is open, and then tells the events of services in `events`.
pub fn client(
    services: Vec<Value>,
    slices: Vec<Value>,
    gate: Option<Arc<Notify>>,
    events: Option<mpsc::Receiver<Value>>,
) -> Client {
    let events = Arc::new(Mutex::new(events));
    let namespaces = ["default", "kube-system", "n"].map(|name| json!({ "metadata": { "name": name } }));
    let lists = Arc::new([
        ("services", list("v1", "ServiceList", services)),
        ("endpointslices", list("discovery.k8s.io/v1", "EndpointSliceList", slices)),
        ("namespaces", list("v1", "NamespaceList", namespaces.to_vec())),
    ]);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (lists, gate, events) = (lists.clone(), gate.clone(), events.clone());
        async move {
            let path = request.uri().path();
            let resource = path.rsplit('/').next().unwrap();
            let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let body = match (watches, &gate) {
                (true, _) => next_event(resource, &events).await,
                (false, gate) => {
                    if let Some(gate) = gate.as_ref().filter(|_| resource == "endpointslices") {
                        gate.notified().await;
                    }
                    lists.iter().find(|(name, _)| *name == resource).unwrap().1.clone()
                }
            };
            Ok::<_, Infallible>(Response::new(Body::from(body.into_bytes())))
        }
    });
    in_process(service, "test")
}

fn list(version: &str, kind: &str, items: Vec<Value>) -> String {
    json!({ "apiVersion": version, "kind": kind, "metadata": { "resourceVersion": "1" }, "items": items }).to_string()
}

/// A watch ends after each event; the informer then watches on.
async fn next_event(resource: &str, events: &Mutex<Option<mpsc::Receiver<Value>>>) -> String {
    if resource != "services" {
        std::future::pending::<()>().await;
    }
    match events.lock().await.as_mut() {
        Some(events) => match events.recv().await {
            Some(event) => format!("{event}\n"),
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
