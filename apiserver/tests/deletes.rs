//! Deletion: finalizers, grace, preconditions, propagation, collections, namespaces.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{CONFIG_MAPS, PODS, Server, config_map, pod};
use http::Method;
use serde_json::{Value, json};

async fn with_pod(name: &str, node: &str) -> Server {
    let server = Server::start().await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.post("/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
    let mut object = pod(name);
    if !node.is_empty() {
        object["spec"]["nodeName"] = node.into();
    }
    server.post(PODS, &object).await.expect(201);
    server
}

#[tokio::test]
async fn a_deleted_object_is_gone_and_the_answer_names_it() {
    let server = Server::start().await;
    let object = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let status = server.delete(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    assert_eq!(status["status"], "Success");
    assert_eq!(status["details"], json!({"name": "a", "kind": "configmaps", "uid": object["metadata"]["uid"]}));
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/a")).await.code, 404);
    assert_eq!(server.delete(&format!("{CONFIG_MAPS}/a")).await.code, 404);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_removed() {
    let server = Server::start().await;
    let mut object = config_map("a", "1");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    server.post(CONFIG_MAPS, &object).await.expect(201);
    let path = format!("{CONFIG_MAPS}/a");
    let marked = server.delete(&path).await.expect(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let again = server.post(CONFIG_MAPS, &config_map("a", "2")).await;
    assert_eq!(
        (again.code, again.message().as_str()),
        (409, "object is being deleted: configmaps \"a\" already exists")
    );
    let revived = server.patch("merge", &path, &json!({"metadata": {"deletionTimestamp": null}})).await.expect(200);
    assert!(revived["metadata"]["deletionTimestamp"].is_string());
    server.patch("merge", &path, &json!({"metadata": {"finalizers": null}})).await.expect(200);
    assert_eq!(server.get(&path).await.code, 404);
}

#[tokio::test]
async fn a_running_pod_is_given_its_grace() {
    let server = with_pod("p", "n").await;
    let path = format!("{PODS}/p");
    let marked = server.delete(&path).await.expect(200);
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    let shorter = server.delete(&format!("{path}?gracePeriodSeconds=5")).await.expect(200);
    assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 5);
    let longer = server.delete(&format!("{path}?gracePeriodSeconds=60")).await.expect(200);
    assert_eq!(longer["metadata"]["deletionGracePeriodSeconds"], 5);
    let last = server.delete_with(&path, &json!({"gracePeriodSeconds": 0})).await.expect(200);
    assert_eq!(last["kind"], "Pod");
    assert_eq!(server.get(&path).await.code, 404);
}

#[tokio::test]
async fn a_pod_without_node_goes_at_once() {
    let server = with_pod("p", "").await;
    server.delete(&format!("{PODS}/p")).await.expect(200);
    assert_eq!(server.get(&format!("{PODS}/p")).await.code, 404);
}

#[tokio::test]
async fn preconditions_and_dry_runs_protect() {
    let server = Server::start().await;
    let object = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let path = format!("{CONFIG_MAPS}/a");
    let wrong = server.delete_with(&path, &json!({"preconditions": {"uid": "other"}})).await;
    assert_eq!((wrong.code, wrong.reason().as_str()), (409, "Conflict"));
    assert_eq!(server.delete_with(&path, &json!({"preconditions": {"resourceVersion": "1"}})).await.code, 409);
    server.delete(&format!("{path}?dryRun=All")).await.expect(200);
    server.delete_with(&path, &json!({"dryRun": ["All"]})).await.expect(200);
    server.get(&path).await.expect(200);
    server.delete_with(&path, &json!({"preconditions": {"uid": object["metadata"]["uid"]}})).await.expect(200);
}

#[tokio::test]
async fn propagation_leaves_work_to_the_collector() {
    let server = Server::start().await;
    for (name, policy, finalizer) in [("a", "Foreground", "foregroundDeletion"), ("b", "Orphan", "orphan")] {
        server.post(CONFIG_MAPS, &config_map(name, "1")).await.expect(201);
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
        let marked = server.delete_with(&format!("{CONFIG_MAPS}/{name}"), &body).await.expect(200);
        assert_eq!(marked["metadata"]["finalizers"], json!([finalizer]));
    }
    let bad = server.delete_with(&format!("{CONFIG_MAPS}/a"), &json!({"propagationPolicy": "Sideways"})).await;
    assert_eq!((bad.code, bad.reason().as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let server = Server::start().await;
    for (name, label) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let mut object = config_map(name, "1");
        object["metadata"]["labels"] = json!({"l": label});
        server.post(CONFIG_MAPS, &object).await.expect(201);
    }
    let path = format!("{CONFIG_MAPS}?labelSelector=l%3Dx");
    let listed = server.get(&path).await.expect(200);
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let tried = server.request(Method::DELETE, &format!("{path}&dryRun=All"), &accept, "").await.expect(200);
    assert_eq!((&tried["kind"], &tried["rows"][0]["cells"][0]), (&json!("Table"), &json!("a")));
    let deleted = server.delete(&path).await.expect(200);
    assert_eq!(deleted, listed, "they are shown as they were");
    let left = server.get(CONFIG_MAPS).await.expect(200);
    assert_eq!(left["items"][0]["metadata"]["name"], "b");
    assert_eq!(server.delete("/api/v1/configmaps").await.code, 405);
}

#[tokio::test]
async fn a_namespace_goes_when_it_is_finalized() {
    let server = Server::start().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "foo"}});
    let created = server.post("/api/v1/namespaces", &namespace).await.expect(201);
    assert_eq!(
        (created["status"]["phase"].as_str(), &created["spec"]["finalizers"]),
        (Some("Active"), &json!(["kubernetes"]))
    );
    let marked = server.delete("/api/v1/namespaces/foo").await.expect(200);
    assert_eq!(marked["status"]["phase"], "Terminating");
    let late = server.post("/api/v1/namespaces/foo/configmaps", &config_map("a", "1")).await;
    assert_eq!((late.code, late.reason().as_str()), (403, "Forbidden"));
    assert_eq!(
        late.message(),
        "configmaps \"a\" is forbidden: unable to create new content in namespace foo because it is being terminated"
    );
    assert_eq!(late.json()["details"]["causes"][0]["reason"], "NamespaceTerminating");
    let mut finalized: Value = server.get("/api/v1/namespaces/foo").await.expect(200);
    finalized["spec"]["finalizers"] = json!(["none of them"]);
    let refused = server.put("/api/v1/namespaces/foo/finalize", &finalized).await;
    assert_eq!((refused.code, refused.reason().as_str()), (422, "Invalid"));
    finalized["spec"]["finalizers"] = json!([]);
    server.put("/api/v1/namespaces/foo/finalize", &finalized).await.expect(200);
    assert_eq!(server.get("/api/v1/namespaces/foo").await.code, 404);
    let kept = server.delete("/api/v1/namespaces/default").await;
    assert_eq!(
        (kept.code, kept.message().as_str()),
        (403, "namespaces \"default\" is forbidden: this namespace may not be deleted")
    );
}

#[tokio::test]
async fn an_eviction_asks_the_budget() {
    let server = with_pod("p", "n").await;
    let running = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    server.patch("merge", &format!("{PODS}/p/status"), &running).await.expect(200);
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    server.post(budgets, &budget).await.expect(201);
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    let path = format!("{PODS}/p/eviction");
    let refused = server.post(&path, &eviction).await;
    assert_eq!((refused.code, refused.reason().as_str()), (429, "TooManyRequests"));
    assert_eq!(refused.message(), "Cannot evict pod as it would violate the pod's disruption budget.");
    let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1}});
    server.patch("merge", &format!("{budgets}/b/status"), &status).await.expect(200);
    server.post(&path, &eviction).await.expect(201);
    let pod = server.get(&format!("{PODS}/p")).await.expect(200);
    assert!(pod["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(server.get(&format!("{budgets}/b")).await.expect(200)["status"]["disruptionsAllowed"], 0);
}
