//! Protobuf in requests, answers and watches.

mod common;

use bytes::Bytes;
use common::{CONFIG_MAPS, PODS, Server, config_map, pod};
use corvette_api::protobuf;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

const MEDIA: &str = "application/vnd.kubernetes.protobuf";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

async fn send(server: &Server, method: Method, path: &str, body: Vec<u8>) -> (u16, Bytes) {
    let user = corvette_apiserver::UserInfo::new("admin", &["system:masters"]);
    let request = Request::builder().method(method).uri(path).header("accept", MEDIA).header("content-type", MEDIA);
    let request = request.body(Full::new(Bytes::from(body))).expect("the request is right");
    let response = server.api.local(user).oneshot(request).await.expect("the server answers");
    let media = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(media.starts_with(MEDIA), "{media}");
    let code = response.status().as_u16();
    (code, response.into_body().collect().await.expect("the body can be read").to_bytes())
}

fn decoded(bytes: &[u8], kind: &str) -> Value {
    protobuf::decode(bytes, ("v1", kind)).expect("the answer is in protobuf")
}

#[tokio::test]
async fn objects_lists_and_failures_travel_in_protobuf() {
    let server = Server::start().await;
    let body = protobuf::encode(&config_map("a", "1")).unwrap();
    let (code, bytes) = send(&server, Method::POST, CONFIG_MAPS, body.clone()).await;
    let created = decoded(&bytes, "ConfigMap");
    assert_eq!((code, created["data"]["key"].as_str()), (201, Some("1")));
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/a")).await.expect(200), created);
    let (_, bytes) = send(&server, Method::GET, CONFIG_MAPS, Vec::new()).await;
    assert_eq!(decoded(&bytes, "ConfigMapList")["items"][0]["metadata"]["name"], "a");
    let (code, bytes) = send(&server, Method::POST, CONFIG_MAPS, body).await;
    assert_eq!((code, decoded(&bytes, "Status")["reason"].as_str()), (409, Some("AlreadyExists")));
    let (code, _) = send(&server, Method::DELETE, &format!("{CONFIG_MAPS}/a"), Vec::new()).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn pages_of_lists_are_the_same_as_in_json() {
    let server = Server::start().await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.post("/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
    for name in ["a", "b", "c"] {
        server.post(PODS, &pod(name)).await.expect(201);
    }
    for path in [PODS.to_owned(), format!("{PODS}?limit=2"), format!("{PODS}?fieldSelector=metadata.name=b")] {
        let (code, bytes) = send(&server, Method::GET, &path, Vec::new()).await;
        let json = server.get(&path).await.expect(200);
        // Items of a list do not say what they are in protobuf; the bytes tell whether anything else differs.
        assert_eq!((code, bytes.to_vec()), (200, protobuf::encode(&json).unwrap()), "{path}");
    }
}

#[tokio::test]
async fn metadata_travel_in_protobuf_and_tables_do_not() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let answer = server.request(Method::GET, CONFIG_MAPS, &[("accept", metadata)], "").await;
    let list = protobuf::decode(&answer.body, ("", "")).unwrap();
    assert_eq!(
        (list["kind"].as_str(), list["items"][0]["metadata"]["name"].as_str()),
        (Some("PartialObjectMetadataList"), Some("a"))
    );
    assert!(list["items"][0].get("data").is_none());
    let table = "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1";
    assert_eq!(server.request(Method::GET, CONFIG_MAPS, &[("accept", table)], "").await.code, 406);
    let or_json = format!("{table},application/json;as=Table;g=meta.k8s.io;v=v1");
    let answer = server.request(Method::GET, CONFIG_MAPS, &[("accept", &or_json)], "").await;
    assert_eq!(
        (answer.headers["content-type"].to_str().unwrap(), answer.json()["kind"].as_str()),
        ("application/json", Some("Table"))
    );
}

#[tokio::test]
async fn discovery_is_the_same_as_in_json() {
    let server = Server::start().await;
    let aggregated = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    for (path, parameters) in
        [("/api", ""), ("/apis", ""), ("/apis/apps", ""), ("/apis/apps/v1", ""), ("/api/v1", ""), ("/apis", aggregated)]
    {
        let of = |media: &str| format!("{media}{parameters}");
        let json = server.request(Method::GET, path, &[("accept", &of("application/json"))], "").await;
        let answer = server.request(Method::GET, path, &[("accept", &of(MEDIA))], "").await;
        assert_eq!(answer.headers["content-type"], of(MEDIA).as_str(), "{path}");
        assert_eq!(answer.body, protobuf::encode(&json.json()).unwrap(), "{path}");
    }
}

#[tokio::test]
async fn options_and_subresources_are_read() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let other = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "other"}});
    let path = format!("{CONFIG_MAPS}/a");
    let (code, bytes) = send(&server, Method::DELETE, &path, protobuf::encode(&other).unwrap()).await;
    assert_eq!((code, decoded(&bytes, "Status")["reason"].as_str()), (409, Some("Conflict")));
    let dry = json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]});
    assert_eq!(send(&server, Method::DELETE, &path, protobuf::encode(&dry).unwrap()).await.0, 200);
    server.get(&path).await.expect(200);

    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    let (code, bytes) = send(&server, Method::POST, DEPLOYMENTS, protobuf::encode(&deployment).unwrap()).await;
    let created = decoded(&bytes, "Deployment");
    assert_eq!((code, created["spec"]["replicas"].as_i64()), (201, Some(0)));
    // What a client leaves out is defaulted as it is in JSON.
    let mut other = deployment;
    other["metadata"]["name"] = "other".into();
    let other = server.post(DEPLOYMENTS, &other).await.expect(201);
    assert_eq!(server.get(&format!("{DEPLOYMENTS}/web")).await.json()["spec"], other["spec"]);
    let scale = format!("{DEPLOYMENTS}/web/scale");
    let mut wanted = server.get(&scale).await.expect(200);
    wanted["spec"]["replicas"] = 3.into();
    let (code, bytes) = send(&server, Method::PUT, &scale, protobuf::encode(&wanted).unwrap()).await;
    let scaled = protobuf::decode(&bytes, ("", "")).unwrap();
    assert_eq!((code, scaled["kind"].as_str(), scaled["spec"]["replicas"].as_i64()), (200, Some("Scale"), Some(3)));
}

#[tokio::test]
async fn malformed_bodies_and_other_kinds_are_refused() {
    let server = Server::start().await;
    for body in [&b"{}"[..], b"k8s\0\x12\xff", b"k8s\0\x0a\x0a\x0a\x02v1\x12\x04None"] {
        let (code, bytes) = send(&server, Method::POST, CONFIG_MAPS, body.to_vec()).await;
        assert_eq!((code, decoded(&bytes, "Status")["reason"].as_str()), (400, Some("BadRequest")), "{body:?}");
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    assert_eq!(send(&server, Method::POST, CONFIG_MAPS, protobuf::encode(&secret).unwrap()).await.0, 400);
}

/// Reads the frames of a watch: type and object of each event.
struct Frames {
    body: corvette_apiserver::body::Body,
    read: Vec<u8>,
}

impl Frames {
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((length, rest)) = self.read.split_first_chunk::<4>()
                && let Some((event, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
            {
                // The event's own message, in an envelope made for it.
                let mut envelope = b"k8s\0\x12".to_vec();
                let mut length = event.len();
                while length >= 0x80 {
                    envelope.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
                    length >>= 7;
                }
                envelope.push(u8::try_from(length).expect("seven bits"));
                envelope.extend(event);
                self.read = rest.to_vec();
                let event = protobuf::decode(&envelope, ("v1", "WatchEvent")).expect("a frame holds an event");
                let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
                return (kind, event.get("object").cloned().unwrap_or_default());
            }
            let frame = self.body.frame().await.expect("the watch goes on").expect("the body can be read");
            self.read.extend(frame.into_data().unwrap_or_default());
        }
    }
}

#[tokio::test]
async fn watches_are_framed() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let path = format!("{CONFIG_MAPS}?watch=true");
    let mut watches = Vec::new();
    for _ in 0..2 {
        let response = server.open(Method::GET, &path, &[("accept", MEDIA)], "").await;
        assert_eq!(response.headers()["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
        watches.push(Frames { body: response.into_body(), read: Vec::new() });
    }
    for watch in &mut watches {
        let (kind, object) = watch.next().await;
        assert_eq!((kind.as_str(), &object), ("ADDED", &server.get(&format!("{CONFIG_MAPS}/a")).await.expect(200)));
    }
    let changed = server.put(&format!("{CONFIG_MAPS}/a"), &config_map("a", "2")).await.expect(200);
    server.delete(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    for watch in &mut watches {
        assert_eq!(watch.next().await, ("MODIFIED".to_owned(), changed.clone()));
        let (kind, object) = watch.next().await;
        assert_eq!((kind.as_str(), object["data"]["key"].as_str()), ("DELETED", Some("2")));
    }
}
