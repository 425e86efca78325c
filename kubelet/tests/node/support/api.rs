//! A small API server in memory: enough of create, get, list, watch, replace, patch and delete for one kubelet.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use corvette_api::{patch, schema};
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// One change: path of the collection it belongs to, then the watch event.
#[derive(Clone)]
struct Change {
    path: String,
    event: Value,
}

struct Inner {
    objects: Mutex<(u64, BTreeMap<String, Value>)>,
    changes: broadcast::Sender<Change>,
}

/// The server. Clones share its objects.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// Path split into the object's own path and the subresource.
fn split(path: &str) -> (String, Option<String>) {
    for sub in ["status", "token"] {
        if let Some(parent) = path.strip_suffix(&format!("/{sub}")) {
            return (parent.to_owned(), Some(sub.to_owned()));
        }
    }
    (path.to_owned(), None)
}

/// Whether an object's path lies in a collection, which may span all namespaces.
fn within(object: &str, collection: &str) -> bool {
    if object.strip_prefix(collection).is_some_and(|rest| rest.starts_with('/') && !rest[1..].contains('/')) {
        return true;
    }
    let (root, resource) = collection.rsplit_once('/').unwrap();
    let parts: Vec<&str> = object.strip_prefix(root).unwrap_or_default().split('/').collect();
    matches!(parts.as_slice(), ["", "namespaces", _, kind, _] if *kind == resource)
}

fn selected(object: &Value, selector: Option<&str>) -> bool {
    let Some((field, value)) = selector.and_then(|selector| selector.split_once('=')) else { return true };
    let found = match field {
        "metadata.name" => &object["metadata"]["name"],
        "spec.nodeName" => &object["spec"]["nodeName"],
        other => panic!("selector {other}"),
    };
    found == value
}

impl Api {
    pub fn new() -> Self {
        let inner = Inner { objects: Mutex::new((1, BTreeMap::new())), changes: broadcast::channel(4096).0 };
        Self(Arc::new(inner))
    }

    pub fn client(&self) -> kube::Client {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.serve(request).await) }
        });
        corvette_client::in_process(service, "test")
    }

    /// Makes or replaces an object.
    pub fn put(&self, path: &str, object: Value) -> Value {
        self.write(path, object)
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.objects.lock().1.get(path).cloned()
    }

    pub fn list(&self, collection: &str) -> Vec<Value> {
        let objects = self.0.objects.lock();
        objects.1.iter().filter(|(path, _)| within(path, collection)).map(|(_, object)| object.clone()).collect()
    }

    /// Deletes as a client does: a pod waits for its node.
    pub fn delete(&self, path: &str, grace: i64) {
        let Some(mut object) = self.get(path) else { return };
        if grace > 0 && object["kind"] == "Pod" {
            object["metadata"]["deletionTimestamp"] = json!(jiff::Timestamp::now().strftime("%FT%TZ").to_string());
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            self.write(path, object);
            return;
        }
        let mut objects = self.0.objects.lock();
        objects.0 += 1;
        let removed = objects.1.remove(path);
        if let Some(mut removed) = removed {
            removed["metadata"]["resourceVersion"] = json!(objects.0.to_string());
            let _ = self
                .0
                .changes
                .send(Change { path: path.to_owned(), event: json!({"type": "DELETED", "object": removed}) });
        }
    }

    /// Waits until the object at `path` satisfies a condition; `None` stands for no object.
    pub async fn until(&self, path: &str, condition: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let mut changes = self.0.changes.subscribe();
        loop {
            let object = self.get(path);
            if condition(object.as_ref()) {
                return object;
            }
            let _ = changes.recv().await;
        }
    }

    fn write(&self, path: &str, mut object: Value) -> Value {
        let mut objects = self.0.objects.lock();
        objects.0 += 1;
        let old = objects.1.get(path).cloned();
        let meta = object["metadata"].as_object_mut().unwrap();
        meta.insert("resourceVersion".into(), json!(objects.0.to_string()));
        meta.entry("uid").or_insert_with(|| json!(format!("uid-{}", objects.0)));
        meta.entry("creationTimestamp").or_insert_with(|| json!("2024-01-01T00:00:00Z"));
        objects.1.insert(path.to_owned(), object.clone());
        let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let _ = self.0.changes.send(Change { path: path.to_owned(), event: json!({"type": kind, "object": object}) });
        object
    }

    async fn serve(&self, request: Request<Body>) -> Reply {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (path, sub) = split(parts.uri.path());
        let query: BTreeMap<String, String> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.replace("%3D", "=")))
            .collect();
        let selector = query.get("fieldSelector").map(String::as_str);
        match parts.method {
            Method::GET if query.get("watch").is_some_and(|on| on == "true") => self.watch(path, selector, &query),
            Method::GET => self.read(&path, selector),
            Method::POST if sub.as_deref() == Some("token") => token(&body),
            Method::POST => self.create(&path, body),
            Method::PUT => answer(StatusCode::OK, &self.write(&path, body)),
            Method::PATCH => self.patch(&path, &body),
            Method::DELETE => {
                let grace = body["gracePeriodSeconds"].as_i64().unwrap_or(30);
                let found = self.get(&path);
                let uid = &body["preconditions"]["uid"];
                match found {
                    None => error(StatusCode::NOT_FOUND),
                    Some(object) if uid.is_string() && object["metadata"]["uid"] != *uid => error(StatusCode::CONFLICT),
                    Some(object) => {
                        self.delete(&path, grace);
                        answer(StatusCode::OK, &object)
                    }
                }
            }
            other => panic!("{other} {path}"),
        }
    }

    fn read(&self, path: &str, selector: Option<&str>) -> Reply {
        if let Some(object) = self.get(path) {
            return answer(StatusCode::OK, &object);
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        if !["pods", "services", "configmaps", "secrets", "nodes"].contains(&last) {
            return error(StatusCode::NOT_FOUND);
        }
        let items: Vec<Value> = self.list(path).into_iter().filter(|object| selected(object, selector)).collect();
        let revision = self.0.objects.lock().0.to_string();
        let list =
            json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": revision}, "items": items});
        answer(StatusCode::OK, &list)
    }

    fn create(&self, path: &str, mut body: Value) -> Reply {
        let name = body["metadata"]["name"].as_str().map(ToOwned::to_owned);
        let name = name.unwrap_or_else(|| format!("generated-{}", self.0.objects.lock().0));
        body["metadata"]["name"] = json!(name);
        let path = format!("{path}/{name}");
        if self.get(&path).is_some() {
            return error(StatusCode::CONFLICT);
        }
        answer(StatusCode::CREATED, &self.write(&path, body))
    }

    fn patch(&self, path: &str, body: &Value) -> Reply {
        let Some(object) = self.get(path) else { return error(StatusCode::NOT_FOUND) };
        if body["metadata"]["uid"].is_string() && body["metadata"]["uid"] != object["metadata"]["uid"] {
            return error(StatusCode::CONFLICT);
        }
        let def = schema::of_object(&object).unwrap();
        let patched = patch::strategic::apply(def, object, body.clone()).unwrap();
        answer(StatusCode::OK, &self.write(path, patched))
    }

    fn watch(&self, path: String, selector: Option<&str>, query: &BTreeMap<String, String>) -> Reply {
        let changes = self.0.changes.subscribe();
        let since: u64 = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        let selector = selector.map(ToOwned::to_owned);
        let missed: Vec<Change> = {
            let objects = self.0.objects.lock();
            let newer = |object: &Value| revision(object) > since;
            let missed = objects.1.iter().filter(|(_, object)| newer(object));
            missed
                .map(|(path, object)| Change {
                    path: path.clone(),
                    event: json!({"type": "MODIFIED", "object": object}),
                })
                .collect()
        };
        let live = futures::stream::unfold(changes, |mut changes| async move {
            changes.recv().await.ok().map(|change| (change, changes))
        });
        let events = futures::stream::iter(missed).chain(live).filter_map(move |change: Change| {
            let object = &change.event["object"];
            let wanted =
                within(&change.path, &path) && selected(object, selector.as_deref()) && revision(object) > since;
            let line = wanted.then(|| Ok(Frame::data(Bytes::from(change.event.to_string() + "\n"))));
            async move { line }
        });
        Response::new(StreamBody::new(Box::pin(events)).boxed_unsync())
    }
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap_or("0").parse().unwrap()
}

fn token(body: &Value) -> Reply {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let mut body = body.as_object().cloned().unwrap_or_else(Map::new);
    let pod = body["spec"]["boundObjectRef"]["name"].clone();
    body.insert(
        "status".into(),
        json!({"token": format!("token-of-{}", pod.as_str().unwrap()), "expirationTimestamp": expires.strftime("%FT%TZ").to_string()}),
    );
    answer(StatusCode::CREATED, &Value::Object(body))
}

fn answer(code: StatusCode, body: &Value) -> Reply {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

fn error(code: StatusCode) -> Reply {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
        "reason": code.canonical_reason().unwrap().replace(' ', ""), "message": code.to_string(), "metadata": {}
    });
    answer(code, &status)
}
