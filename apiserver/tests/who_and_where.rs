//! Identity, authorisation, reviews, paths that are no resources.

mod common;

use common::{CONFIG_MAPS, Server};
use corvette_apiserver::UserInfo;
use http::Method;
use serde_json::json;

#[tokio::test]
async fn others_than_masters_are_refused() {
    let server = Server::start().await;
    let user = || UserInfo::new("jane", &[]);
    let refused = server.request_as(user(), Method::GET, CONFIG_MAPS, "").await;
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message(),
        "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    server.request_as(user(), Method::GET, "/apis", "").await.expect(200);
    let anonymous = server.request_as(UserInfo::anonymous(), Method::GET, "/apis", "").await;
    assert_eq!(anonymous.message(), "forbidden: User \"system:anonymous\" cannot get path \"/apis\"");
    assert_eq!(server.request_as(UserInfo::anonymous(), Method::GET, "/readyz", "").await.code, 200);
}

#[tokio::test]
async fn a_user_can_ask_who_and_what_it_may() {
    let server = Server::start().await;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let who = server.request_as(UserInfo::new("jane", &["devs"]), Method::POST, path, &review).await.expect(201);
    assert_eq!(who["status"]["userInfo"], json!({"username": "jane", "groups": ["devs", "system:authenticated"]}));
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}});
    assert_eq!(server.post(path, &review).await.expect(201)["status"]["allowed"], true);
    let jane = server.request_as(UserInfo::new("jane", &[]), Method::POST, path, &review.to_string()).await.expect(201);
    assert_eq!(jane["status"]["allowed"], false);
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": "x", "groups": ["system:masters"], "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}});
    assert_eq!(server.post(path, &review).await.expect(201)["status"]["allowed"], true);
    let bad = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "x"}});
    assert_eq!(server.post(path, &bad).await.code, 422);
}

#[tokio::test]
async fn an_administrator_can_act_as_others() {
    let server = Server::start().await;
    let acting = [("impersonate-user", "jane")];
    assert_eq!(server.request(Method::GET, CONFIG_MAPS, &acting, "").await.code, 403);
    let acting = [("impersonate-user", "jane"), ("impersonate-group", "system:masters")];
    assert_eq!(server.request(Method::GET, CONFIG_MAPS, &acting, "").await.code, 200);
}

#[tokio::test]
async fn health_version_metrics_and_index_are_served() {
    let server = Server::start().await;
    for path in ["/healthz", "/livez", "/readyz", "/readyz/ping"] {
        let answer = server.get(path).await;
        assert_eq!((answer.code, &*answer.body), (200, &b"ok"[..]), "{path}");
    }
    let verbose = server.get("/readyz?verbose").await;
    let text = String::from_utf8_lossy(&verbose.body).into_owned();
    assert!(text.contains("[+]ping ok") && text.ends_with("readyz check passed\n"), "{text}");
    assert_eq!(server.get("/readyz/nonsense").await.code, 404);
    assert_eq!(server.get("/version").await.expect(200)["gitVersion"], "v1.36.0+corvette");
    let metrics = server.get("/metrics").await;
    assert!(String::from_utf8_lossy(&metrics.body).contains("apiserver_request_total{"));
    let index = server.get("/").await.expect(200);
    assert!(index["paths"].as_array().unwrap().contains(&"/apis/apps/v1".into()));
    assert_eq!(server.get("/nonsense").await.code, 404);
}

#[tokio::test]
async fn discovery_comes_in_both_forms() {
    let server = Server::start().await;
    assert_eq!(server.get("/api").await.expect(200)["versions"], json!(["v1"]));
    assert_eq!(server.get("/apis").await.expect(200)["kind"], "APIGroupList");
    let apps = server.get("/apis/apps/v1").await.expect(200);
    assert!(apps["resources"].as_array().unwrap().iter().any(|r| r["name"] == "deployments/scale"));
    assert_eq!(server.get("/apis/apps/v9").await.code, 404);
    let accept = [("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json")];
    let aggregated = server.request(Method::GET, "/apis", &accept, "").await;
    assert!(aggregated.headers["content-type"].to_str().unwrap().contains("APIGroupDiscoveryList"));
    let etag = aggregated.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(aggregated.json()["kind"], "APIGroupDiscoveryList");
    let unchanged = server.request(Method::GET, "/apis", &[accept[0], ("if-none-match", &etag)], "").await;
    assert_eq!((unchanged.code, unchanged.body.len()), (304, 0));
}

#[tokio::test]
async fn reviews_have_metadata_and_rules_do_not_repeat_the_question() {
    let server = Server::start().await;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let rules = server.post(path, &json!({"spec": {"namespace": "default"}})).await.expect(201);
    assert_eq!((&rules["metadata"], &rules["spec"]), (&json!({}), &json!({})));
}
