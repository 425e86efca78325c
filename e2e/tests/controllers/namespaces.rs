//! What namespaces get, and how they go.

use corvette_client::kube::api::{DeleteParams, Patch, PatchParams};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use serde_json::json;

use super::plane::{Plane, eventually, template};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_account_and_the_root_certificate_are_kept() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let (accounts, maps): (Api<ServiceAccount>, Api<ConfigMap>) = (plane.api(&ns), plane.api(&ns));
    let account = eventually("the account is made", || async { accounts.get_opt("default").await.unwrap() }).await;
    let map = eventually("the map is made", || async { maps.get_opt("kube-root-ca.crt").await.unwrap() }).await;
    assert_eq!(map.data.unwrap()["ca.crt"], "CERTIFICATE");
    accounts.delete("default", &DeleteParams::default()).await.unwrap();
    eventually("the account is made again", || async {
        accounts.get_opt("default").await.unwrap().filter(|again| again.uid() != account.uid())
    })
    .await;
    plane.patch::<ConfigMap>(&ns, "kube-root-ca.crt", json!({"data": {"ca.crt": "forged", "more": "x"}})).await;
    eventually("the map is restored", || async {
        let data = maps.get("kube-root-ca.crt").await.unwrap().data.unwrap();
        (data.len() == 1 && data["ca.crt"] == "CERTIFICATE").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_namespace_is_emptied_pods_first() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let web = json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": template("x", "v1")},
    });
    plane.create::<Deployment>(&ns, web).await;
    plane.create::<ConfigMap>(&ns, json!({"metadata": {"name": "settings"}})).await;
    let mut held = template("y", "v1");
    held["metadata"]["name"] = json!("held");
    held["metadata"]["finalizers"] = json!(["test.example/hold"]);
    plane.create::<Pod>(&ns, held).await;
    let namespaces = Api::<Namespace>::all(plane.client.clone());
    namespaces.delete(&ns, &DeleteParams::default()).await.unwrap();
    let condition = |namespace: &Namespace, kind: &str| {
        let conditions = namespace.status.clone().unwrap_or_default().conditions.unwrap_or_default();
        conditions.into_iter().find(|condition| condition.type_ == kind && condition.status == "True")
    };
    let waiting = eventually("it says what holds it up", || async {
        let namespace = namespaces.get(&ns).await.unwrap();
        let message = condition(&namespace, "NamespaceContentRemaining")?.message?;
        (message == "Some resources are remaining: pods.v1 has 1 resource instances").then_some(namespace)
    })
    .await;
    assert_eq!(waiting.status.as_ref().unwrap().phase.as_deref(), Some("Terminating"));
    let finalizers = condition(&waiting, "NamespaceFinalizersRemaining").unwrap().message.unwrap();
    assert_eq!(
        finalizers,
        "Some content in the namespace has finalizers remaining: test.example/hold in 1 resource instances"
    );
    assert!(plane.api::<ConfigMap>(&ns).get_opt("settings").await.unwrap().is_some(), "pods go first");
    plane.patch::<Pod>(&ns, "held", json!({"metadata": {"finalizers": null}})).await;
    eventually("it is gone", || async { namespaces.get_opt(&ns).await.unwrap().is_none().then_some(()) }).await;
    assert!(plane.list::<ConfigMap>(&ns).await.is_empty());
    let params = PatchParams::default();
    assert!(namespaces.patch(&ns, &params, &Patch::Merge(json!({}))).await.is_err());
}
