//! Updates and patches.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{CONFIG_MAPS, PODS, Server, config_map, pod};
use http::Method;
use serde_json::{Value, json};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "busybox:1"}]}}}})
}

async fn with_account(server: &Server) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.post("/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
}

#[tokio::test]
async fn an_update_with_a_stale_version_is_a_conflict() {
    let server = Server::start().await;
    let first = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let mut changed = first.clone();
    changed["data"]["key"] = "2".into();
    let second = server.put(&format!("{CONFIG_MAPS}/a"), &changed).await.expect(200);
    assert!(version(&second) > version(&first));
    let stale = server.put(&format!("{CONFIG_MAPS}/a"), &changed).await;
    assert_eq!((stale.code, stale.reason().as_str()), (409, "Conflict"));
    assert_eq!(
        stale.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
}

#[tokio::test]
async fn an_update_without_a_version_overwrites_and_keeps_identity() {
    let server = Server::start().await;
    let first = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let mut plain = config_map("a", "2");
    plain["metadata"]["creationTimestamp"] = "2000-01-01T00:00:00Z".into();
    let second = server.put(&format!("{CONFIG_MAPS}/a"), &plain).await.expect(200);
    for field in ["uid", "creationTimestamp"] {
        assert_eq!(second["metadata"][field], first["metadata"][field]);
    }
    let mut other = plain.clone();
    other["metadata"]["uid"] = "another".into();
    assert_eq!(server.put(&format!("{CONFIG_MAPS}/a"), &other).await.code, 409);
    let missing = server.put(&format!("{CONFIG_MAPS}/none"), &config_map("none", "1")).await;
    assert_eq!(missing.code, 404);
    let misnamed = server.put(&format!("{CONFIG_MAPS}/a"), &config_map("b", "1")).await;
    assert_eq!(
        (misnamed.code, misnamed.message().as_str()),
        (400, "the name of the object (b) does not match the name on the URL (a)")
    );
}

#[tokio::test]
async fn an_update_that_changes_nothing_writes_nothing() {
    let server = Server::start().await;
    let first = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let again = server.put(&format!("{CONFIG_MAPS}/a"), &config_map("a", "1")).await.expect(200);
    assert_eq!(again, first);
    let patched = server.patch("merge", &format!("{CONFIG_MAPS}/a"), &json!({"data": {"key": "1"}})).await.expect(200);
    assert_eq!(patched, first);
}

#[tokio::test]
async fn a_lease_is_created_by_an_update() {
    let server = Server::start().await;
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "n"}, "spec": {"holderIdentity": "me"}});
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n";
    let created = server.put(path, &lease).await.expect(201);
    server.put(path, &created).await.expect(200);
    let blind = server.put(path, &lease).await;
    assert_eq!(blind.code, 422);
    assert!(
        blind.message().ends_with("metadata.resourceVersion: Invalid value: 0: must be specified for an update"),
        "{}",
        blind.message()
    );
}

#[tokio::test]
async fn patches_of_every_form_apply() {
    let server = Server::start().await;
    server.post(DEPLOYMENTS, &deployment("web")).await.expect(201);
    let path = format!("{DEPLOYMENTS}/web");
    let merged = server
        .patch("merge", &path, &json!({"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 2}}))
        .await
        .expect(200);
    assert_eq!((merged["spec"]["replicas"].as_i64(), merged["metadata"]["labels"]["a"].as_str()), (Some(2), Some("b")));
    let operations = json!([{"op": "replace", "path": "/spec/replicas", "value": 3}]);
    assert_eq!(server.patch("json", &path, &operations).await.expect(200)["spec"]["replicas"], 3);
    let strategic = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox:2"}]}}}});
    let both = server.patch("strategic-merge", &path, &strategic).await.expect(200);
    let names: Vec<_> =
        both["spec"]["template"]["spec"]["containers"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(both["metadata"]["generation"], 4);
}

#[tokio::test]
async fn patches_that_do_not_apply_are_refused() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let path = format!("{CONFIG_MAPS}/a");
    let failed_test = json!([{"op": "test", "path": "/data/key", "value": "other"}]);
    assert_eq!(server.patch("json", &path, &failed_test).await.code, 422);
    assert_eq!(server.patch("json", &path, &json!({"data": {}})).await.code, 400);
    assert_eq!(server.patch("merge", &path, &json!({"data": {"key": 3}})).await.code, 422);
    assert_eq!(server.patch("merge", &path, &json!({"kind": "Secret"})).await.code, 422);
    assert_eq!(server.patch("merge", &path, &json!({"metadata": {"resourceVersion": "1"}})).await.code, 409);
    assert_eq!(server.patch("merge", &format!("{CONFIG_MAPS}/none"), &json!({})).await.code, 404);
    let unknown = server.request(Method::PATCH, &path, &[("content-type", "application/apply-patch+yaml")], "{}").await;
    assert_eq!((unknown.code, unknown.reason().as_str()), (415, "UnsupportedMediaType"));
    assert_eq!(server.get(&path).await.expect(200)["data"]["key"], "1");
}

#[tokio::test]
async fn concurrent_patches_all_land() {
    let server = Server::start().await;
    server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let patches = (0..20).map(|i| {
        let (server, key) = (&server, format!("k{i}"));
        async move { server.patch("merge", &format!("{CONFIG_MAPS}/a"), &json!({"data": {key: "x"}})).await.code }
    });
    let codes = futures::future::join_all(patches).await;
    assert!(codes.iter().all(|code| *code == 200), "{codes:?}");
    let data = server.get(&format!("{CONFIG_MAPS}/a")).await.expect(200)["data"].as_object().unwrap().len();
    assert_eq!(data, 21);
}

#[tokio::test]
async fn status_and_spec_change_through_their_own_paths() {
    let server = Server::start().await;
    server.post(DEPLOYMENTS, &deployment("web")).await.expect(201);
    let path = format!("{DEPLOYMENTS}/web");
    let ignored = server.patch("merge", &path, &json!({"status": {"replicas": 7}})).await.expect(200);
    assert_ne!(ignored["status"]["replicas"], 7);
    let change = json!({"spec": {"replicas": 9}, "status": {"replicas": 7, "observedGeneration": 1}});
    let changed = server.patch("merge", &format!("{path}/status"), &change).await.expect(200);
    assert_eq!((changed["status"]["replicas"].as_i64(), changed["spec"]["replicas"].as_i64()), (Some(7), Some(1)));
    assert_eq!(changed["metadata"]["generation"], 1);
}

#[tokio::test]
async fn a_scale_is_read_and_written() {
    let server = Server::start().await;
    server.post(DEPLOYMENTS, &deployment("web")).await.expect(201);
    let path = format!("{DEPLOYMENTS}/web/scale");
    let scale = server.get(&path).await.expect(200);
    assert_eq!((scale["kind"].as_str(), scale["spec"]["replicas"].as_i64()), (Some("Scale"), Some(1)));
    let mut wanted = scale.clone();
    wanted["spec"]["replicas"] = 4.into();
    assert_eq!(server.put(&path, &wanted).await.expect(200)["spec"]["replicas"], 4);
    assert_eq!(server.put(&path, &wanted).await.code, 409);
    let patched = server.patch("merge", &path, &json!({"spec": {"replicas": 2}})).await.expect(200);
    assert_eq!(patched["spec"]["replicas"], 2);
    assert_eq!(server.get(&format!("{DEPLOYMENTS}/web")).await.expect(200)["spec"]["replicas"], 2);
    let negative = server.patch("merge", &path, &json!({"spec": {"replicas": -1}})).await;
    assert_eq!((negative.code, negative.reason().as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let server = Server::start().await;
    with_account(&server).await;
    server.post(PODS, &pod("p")).await.expect(201);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    server.post(&format!("{PODS}/p/binding"), &binding).await.expect(201);
    let bound = server.get(&format!("{PODS}/p")).await.expect(200);
    assert_eq!(bound["spec"]["nodeName"], "n");
    let again = server.post("/api/v1/namespaces/default/bindings", &binding).await;
    assert_eq!(again.code, 409);
    assert!(again.message().contains("pod p is already assigned to node \"n\""), "{}", again.message());
}

#[tokio::test]
async fn a_pod_needs_its_account() {
    let server = Server::start().await;
    let mut other = pod("p");
    other["spec"]["serviceAccountName"] = "none".into();
    let refused = server.post(PODS, &other).await;
    assert_eq!((refused.code, refused.reason().as_str()), (403, "Forbidden"));
    assert_eq!(
        refused.message(),
        "pods \"p\" is forbidden: error looking up service account default/none: serviceaccount \"none\" not found"
    );
}
