//! Watches: initial events, resuming, selectors, views, ends.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{CONFIG_MAPS, Server, config_map};
use corvette_store::Store;
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

fn labelled(name: &str, label: &str) -> Value {
    let mut object = config_map(name, "1");
    object["metadata"]["labels"] = json!({"app": label});
    object
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_changes() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=true")).await;
    assert_eq!(watch.next_name().await, pair("ADDED", "a"));
    server.post(CONFIG_MAPS, &config_map("b", "1")).await.expect(201);
    assert_eq!(watch.next_name().await, pair("ADDED", "b"));
    let changed = server.patch("merge", &format!("{CONFIG_MAPS}/a"), &json!({"data": {"key": "2"}})).await.expect(200);
    let (kind, object) = watch.next().await.unwrap();
    assert_eq!((kind.as_str(), object), ("MODIFIED", changed.clone()));
    server.delete(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    let (kind, object) = watch.next().await.unwrap();
    assert_eq!((kind.as_str(), object["metadata"]["name"].as_str()), ("DELETED", Some("a")));
    let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(version(&object) > version(&changed));
}

#[tokio::test]
async fn a_watch_resumes_after_a_version() {
    let server = Server::start().await;
    let first = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    server.post(CONFIG_MAPS, &config_map("b", "1")).await.expect(201);
    server.delete(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={version}")).await;
    assert_eq!(watch.next_name().await, pair("ADDED", "b"));
    assert_eq!(watch.next_name().await, pair("DELETED", "a"));
}

#[tokio::test]
async fn objects_enter_and_leave_a_selection() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &labelled("a", "web")).await.expect(201);
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=true&labelSelector=app%3Dweb")).await;
    assert_eq!(watch.next_name().await, pair("ADDED", "a"));
    server.post(CONFIG_MAPS, &labelled("other", "db")).await.expect(201);
    let path = format!("{CONFIG_MAPS}/a");
    let left = server.patch("merge", &path, &json!({"metadata": {"labels": {"app": "db"}}})).await.expect(200);
    let (kind, object) = watch.next().await.unwrap();
    assert_eq!((kind.as_str(), object["metadata"]["labels"]["app"].as_str()), ("DELETED", Some("web")));
    assert_eq!(object["metadata"]["resourceVersion"], left["metadata"]["resourceVersion"]);
    server.patch("merge", &path, &json!({"metadata": {"labels": {"app": "web"}}})).await.expect(200);
    assert_eq!(watch.next_name().await, pair("ADDED", "a"));
}

#[tokio::test]
async fn one_object_is_watched_by_its_path_and_by_field() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.post(CONFIG_MAPS, &config_map(name, "1")).await.expect(201);
    }
    let paths =
        [format!("{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name%3Db"), format!("{CONFIG_MAPS}/b?watch=true")];
    let mut first = server.watch(&paths[0]).await;
    assert_eq!(first.next_name().await, pair("ADDED", "b"));
    let mut legacy = server.watch("/api/v1/watch/namespaces/default/configmaps/b").await;
    assert_eq!(legacy.next_name().await, pair("ADDED", "b"));
}

#[tokio::test]
async fn a_streamed_list_ends_with_a_bookmark() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(watch.next_name().await, pair("ADDED", "a"));
    let (kind, object) = watch.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), object["metadata"]["annotations"]["k8s.io/initial-events-end"].as_str()),
        ("BOOKMARK", Some("true"))
    );
    let bad = server.get(&format!("{CONFIG_MAPS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!((bad.code, bad.reason().as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn a_watch_after_a_forgotten_version_is_told_so() {
    let server = Server::start().await;
    let first = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let version = first["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    server.delete(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    // The history of the server is gone with it, that of the store by compaction.
    let server = Server::start_in(server.stop().await).await;
    server.post(CONFIG_MAPS, &config_map("z", "1")).await.expect(201);
    let store = &server.store;
    store.compact(store.current_revision().await.unwrap()).await.unwrap();
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=true&resourceVersion={version}")).await;
    let (kind, status) = watch.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), status["code"].as_i64(), status["reason"].as_str()),
        ("ERROR", Some(410), Some("Expired"))
    );
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout() {
    let server = Server::start().await;
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=true&timeoutSeconds=5")).await;
    tokio::time::pause();
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_table_watch_names_its_columns_once() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.post(CONFIG_MAPS, &config_map(name, "1")).await.expect(201);
    }
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let response = server.open(Method::GET, &format!("{CONFIG_MAPS}?watch=true"), &accept, "").await;
    let mut body = response.into_body();
    let mut text = String::new();
    while text.lines().count() < 2 {
        text.push_str(std::str::from_utf8(&body.frame().await.unwrap().unwrap().into_data().unwrap()).unwrap());
    }
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events[0]["object"]["columnDefinitions"].is_array());
    assert!(events[1]["object"]["columnDefinitions"].is_null());
    assert_eq!(events[1]["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn a_watch_is_told_how_far_it_is_before_it_ends() {
    let server = Server::start().await;
    let mut watch = server.watch(&format!("{CONFIG_MAPS}?watch=true&timeoutSeconds=3&allowWatchBookmarks=true")).await;
    let written = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    assert_eq!(watch.next_name().await, ("ADDED".to_owned(), "a".to_owned()));
    let (kind, bookmark) = watch.next().await.expect("the watch goes on");
    assert_eq!(
        (kind.as_str(), &bookmark["metadata"]["resourceVersion"]),
        ("BOOKMARK", &written["metadata"]["resourceVersion"])
    );
}
