//! Creating objects and reading them back.

mod common;

use common::{CONFIG_MAPS, Server, config_map};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_created_object_is_read_back() {
    let server = Server::start().await;
    let created = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    for field in ["uid", "creationTimestamp", "resourceVersion"] {
        assert!(created["metadata"][field].is_string(), "{field} of {created}");
    }
    assert_eq!(created["metadata"]["namespace"], "default");
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/a")).await.expect(200), created);
    let list = server.get(CONFIG_MAPS).await.expect(200);
    assert_eq!(list["kind"], "ConfigMapList");
    let mut item = created.clone();
    let fields = item.as_object_mut().unwrap();
    assert_eq!((fields.remove("kind"), fields.remove("apiVersion")), (Some("ConfigMap".into()), Some("v1".into())));
    assert_eq!(list["items"], json!([item]));
    let yaml = server.request(Method::GET, CONFIG_MAPS, &[("accept", "application/yaml")], "").await;
    assert!(!std::str::from_utf8(&yaml.body).unwrap().contains("kind: ConfigMap\n"), "{yaml:?}");
    assert_eq!(list["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn what_exists_cannot_be_created_again() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let again = server.post(CONFIG_MAPS, &config_map("a", "2")).await;
    assert_eq!((again.code, again.reason().as_str()), (409, "AlreadyExists"));
    assert_eq!(again.message(), "configmaps \"a\" already exists");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let server = Server::start().await;
    let missing = server.get(&format!("{CONFIG_MAPS}/none")).await;
    assert_eq!((missing.code, missing.message().as_str()), (404, "configmaps \"none\" not found"));
    let nowhere = server.post("/api/v1/namespaces/none/configmaps", &config_map("a", "1")).await;
    assert_eq!((nowhere.code, nowhere.message().as_str()), (404, "namespaces \"none\" not found"));
    assert_eq!(server.get("/api/v1/nonsense").await.code, 404);
    assert_eq!(server.get("/apis/none/v1/nonsense").await.code, 404);
}

#[tokio::test]
async fn names_are_generated() {
    let server = Server::start().await;
    let mut object = config_map("", "1");
    object["metadata"] = json!({"generateName": "web-"});
    let first = server.post(CONFIG_MAPS, &object).await.expect(201);
    let second = server.post(CONFIG_MAPS, &object).await.expect(201);
    let name = |object: &serde_json::Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name(&first).starts_with("web-") && name(&first).len() == 9);
    assert_ne!(name(&first), name(&second));
}

#[tokio::test]
async fn metadata_that_hold_nothing_are_not_kept() {
    let server = Server::start().await;
    let mut object = config_map("a", "1");
    object["metadata"]["labels"] = json!({});
    object["metadata"]["finalizers"] = json!([]);
    let created = server.post(CONFIG_MAPS, &object).await.expect(201);
    object["metadata"]["annotations"] = json!({});
    let updated = server.put(&format!("{CONFIG_MAPS}/a"), &object).await.expect(200);
    assert_eq!(updated, created);
    let fields: Vec<_> = created["metadata"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["creationTimestamp", "name", "namespace", "resourceVersion", "uid"]);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let server = Server::start().await;
    let tried = server.post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("a", "1")).await.expect(201);
    assert!(tried["metadata"]["uid"].is_string());
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/a")).await.code, 404);
    let bad = server.post(&format!("{CONFIG_MAPS}?dryRun=Maybe"), &config_map("a", "1")).await;
    assert_eq!((bad.code, bad.reason().as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn bodies_must_match_the_path() {
    let server = Server::start().await;
    let mut elsewhere = config_map("a", "1");
    elsewhere["metadata"]["namespace"] = "other".into();
    let answer = server.post(CONFIG_MAPS, &elsewhere).await;
    assert_eq!(answer.code, 400);
    assert_eq!(
        answer.message(),
        "the namespace of the provided object does not match the namespace sent on the request"
    );
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    assert_eq!(server.post(CONFIG_MAPS, &secret).await.code, 400);
    assert_eq!(server.request(Method::POST, CONFIG_MAPS, &[], "{\"kind\":").await.code, 400);
    let cbor = [("content-type", "application/cbor")];
    assert_eq!(server.request(Method::POST, CONFIG_MAPS, &cbor, "x").await.code, 415);
    let protobuf = [("content-type", "application/vnd.kubernetes.protobuf")];
    assert_eq!(server.request(Method::POST, CONFIG_MAPS, &protobuf, "x").await.code, 400);
    assert_eq!(server.request(Method::PUT, CONFIG_MAPS, &[], "{}").await.code, 405);
    assert_eq!(server.post("/api/v1/configmaps", &config_map("a", "1")).await.code, 405);
}

#[tokio::test]
async fn yaml_is_read_and_written() {
    let server = Server::start().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  mode: '0644'\n";
    let headers = [("content-type", "application/yaml"), ("accept", "application/yaml")];
    let answer = server.request(Method::POST, CONFIG_MAPS, &headers, yaml).await;
    assert_eq!(answer.code, 201);
    assert_eq!(answer.headers["content-type"], "application/yaml");
    assert!(
        String::from_utf8_lossy(&answer.body).contains("mode: \"0644\""),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
}

#[tokio::test]
async fn fields_are_validated_as_asked() {
    let server = Server::start().await;
    let mut object = config_map("a", "1");
    object["nonsense"] = 1.into();
    let warned = server.post(&format!("{CONFIG_MAPS}?dryRun=All"), &object).await;
    assert_eq!(warned.code, 201);
    assert_eq!(warned.warnings(), ["299 - \"unknown field \\\"nonsense\\\"\""]);
    let ignored = server.post(&format!("{CONFIG_MAPS}?dryRun=All&fieldValidation=Ignore"), &object).await;
    assert_eq!((ignored.code, ignored.warnings().len()), (201, 0));
    let refused = server.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &object).await;
    assert_eq!(refused.code, 400);
    assert_eq!(
        refused.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"nonsense\""
    );
    object["data"] = json!({"key": 3});
    assert_eq!(server.post(CONFIG_MAPS, &object).await.code, 400);
}

#[tokio::test]
async fn invalid_objects_name_every_cause() {
    let server = Server::start().await;
    let answer = server.post(CONFIG_MAPS, &config_map("Not_A_Name", "1")).await;
    assert_eq!((answer.code, answer.reason().as_str()), (422, "Invalid"));
    let status = answer.json();
    assert_eq!(status["details"]["causes"][0]["field"], "metadata.name");
    assert_eq!(server.get(CONFIG_MAPS).await.expect(200)["items"], json!([]));
}
