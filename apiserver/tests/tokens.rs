//! Tokens of service accounts: issued, mounted, accepted while what they are bound to is there.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Answer, PODS, Server, pod};
use corvette_apiserver::tokens::Issuer;
use corvette_component::signing::SigningKey;
use http::Method;
use serde_json::{Value, json};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

async fn server() -> Server {
    let issuer = Issuer::new(ISSUER, &SigningKey::generate().unwrap());
    let server = Server::start_with(|config| config.issuer = Some(Arc::new(issuer))).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.post(ACCOUNTS, &account).await.expect(201);
    server
}

async fn request(server: &Server, spec: Value) -> Answer {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    server.post(&format!("{ACCOUNTS}/default/token"), &request).await
}

fn token(answer: &Value) -> String {
    answer["status"]["token"].as_str().unwrap().to_owned()
}

async fn review(server: &Server, token: &str, audiences: &[&str]) -> Value {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences}});
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    server.post(path, &review).await.expect(201)["status"].clone()
}

#[tokio::test]
async fn a_token_says_who_its_bearer_is() {
    let server = server().await;
    let issued = request(&server, json!({})).await.expect(201);
    assert_eq!(issued["spec"], json!({"audiences": [ISSUER], "expirationSeconds": 3600}));
    let token = token(&issued);
    let whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let who = server.with_token(&token, Method::POST, whoami, &body).await.expect(201);
    let user = &who["status"]["userInfo"];
    assert_eq!(user["username"], "system:serviceaccount:default:default");
    let groups = json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]);
    assert_eq!(user["groups"], groups);
    assert_eq!(server.with_token(&token, Method::GET, PODS, "").await.code, 403, "known, but may do nothing yet");
    assert_eq!(server.with_token(&format!("{token}x"), Method::GET, PODS, "").await.code, 401);
    let keys = server.with_token(&token, Method::GET, "/openid/v1/jwks", "").await.expect(200);
    assert_eq!(keys["keys"][0]["alg"], "ES256");

    assert_eq!(review(&server, &token, &[]).await["authenticated"], true);
    let other = review(&server, &token, &["vault"]).await;
    assert!(other.get("authenticated").is_none() && other["error"].as_str().unwrap().contains("audiences"), "{other}");
    let meant = request(&server, json!({"audiences": ["vault", "x"]})).await.expect(201);
    let meant = meant["status"]["token"].as_str().unwrap();
    assert_eq!(review(&server, meant, &["vault", "y"]).await["audiences"], json!(["vault"]));
    assert_eq!(server.with_token(meant, Method::GET, PODS, "").await.code, 401, "not meant for this server");
}

#[tokio::test]
async fn pods_get_a_token_that_ends_with_them() {
    let server = server().await;
    let created = server.post(PODS, &pod("a")).await.expect(201);
    let mount = &created["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    let volume = &created["spec"]["volumes"][0];
    assert_eq!(volume["name"], mount["name"]);
    assert!(volume["name"].as_str().unwrap().starts_with("kube-api-access-"));
    assert_eq!(
        volume["projected"]["sources"][0],
        json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}})
    );
    let mut without = pod("b");
    without["spec"]["automountServiceAccountToken"] = false.into();
    assert!(server.post(PODS, &without).await.expect(201)["spec"].get("volumes").is_none());

    let to_pod = |uid: &str| json!({"expirationSeconds": 3607, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": uid}});
    let issued = request(&server, to_pod(created["metadata"]["uid"].as_str().unwrap())).await.expect(201);
    let token = token(&issued);
    let extra = review(&server, &token, &[]).await["user"]["extra"].clone();
    assert_eq!(extra["authentication.kubernetes.io/pod-name"], json!(["a"]));
    assert_eq!(request(&server, to_pod("other")).await.code, 409);
    server.delete(&format!("{PODS}/a?gracePeriodSeconds=0")).await.expect(200);
    server.get(&format!("{PODS}/a")).await.expect(404);
    assert_eq!(server.with_token(&token, Method::GET, "/api", "").await.code, 401);
    assert_eq!(review(&server, &token, &[]).await["error"], "service account token has been invalidated");
    assert_eq!(request(&server, to_pod("")).await.code, 404);
}

#[tokio::test]
async fn bad_requests_for_tokens_are_refused() {
    let server = server().await;
    let short = request(&server, json!({"expirationSeconds": 1})).await;
    let message = "TokenRequest.authentication.k8s.io \"default\" is invalid: spec.expirationSeconds: Invalid value: 1: \
                   may not specify a duration less than 10 minutes";
    assert_eq!((short.code, short.message().as_str()), (422, message));
    let bound = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "c"}});
    let message = "cannot bind token to object of type /v1, Kind=ConfigMap";
    let refused = request(&server, bound).await;
    assert_eq!((refused.code, refused.message().as_str()), (400, message));
    let nobody = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    assert_eq!(server.post(&format!("{ACCOUNTS}/nobody/token"), &nobody).await.code, 404);
    let deleted = request(&server, json!({})).await.expect(201);
    server.delete(&format!("{ACCOUNTS}/default")).await.expect(200);
    server.get(&format!("{ACCOUNTS}/default")).await.expect(404);
    assert_eq!(server.with_token(&token(&deleted), Method::GET, "/api", "").await.code, 401);
}
