//! Protobuf in requests, answers and watches.

mod common;

use bytes::Bytes;
use common::{CONFIG_MAPS, Server, config_map};
use corvette_api::protobuf;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

const MEDIA: &str = "application/vnd.kubernetes.protobuf";

async fn send(server: &Server, method: Method, path: &str, body: Vec<u8>) -> (u16, Bytes) {
    let user = corvette_apiserver::UserInfo::new("admin", &["system:masters"]);
    let request = Request::builder().method(method).uri(path).header("accept", MEDIA).header("content-type", MEDIA);
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let response = server.api.local(user).oneshot(request).await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with(MEDIA));
    let code = response.status().as_u16();
    (code, response.into_body().collect().await.unwrap().to_bytes())
}

fn decoded(bytes: &[u8], kind: &str) -> Value {
    protobuf::decode(bytes, ("v1", kind)).unwrap()
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
async fn watches_are_framed() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let path = format!("{CONFIG_MAPS}?watch=true");
    let response = server.open(Method::GET, &path, &[("accept", MEDIA)], "").await;
    assert_eq!(response.headers()["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
    let frame = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    let (length, event) = frame.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, event.len());
    assert!(event.windows(5).any(|window| window == b"ADDED"));
}
