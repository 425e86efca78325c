//! Numbers of pods.

use corvette_client::kube::api::{DeleteParams, PropagationPolicy};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use serde_json::{Value, json};

use super::plane::{Plane, eventually, template};

fn set(replicas: i32) -> Value {
    json!({
        "metadata": {"name": "set"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template("x", "v1")},
    })
}

async fn ready(plane: &Plane, namespace: &str, replicas: i32) -> ReplicaSet {
    let api: Api<ReplicaSet> = plane.api(namespace);
    eventually("the set is ready", || async {
        let set = api.get("set").await.unwrap();
        let status = set.status.clone().unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or_default() == replicas && status.replicas == replicas;
        (ready && status.observed_generation == set.metadata.generation).then_some(set)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_replaced_adopted_and_released() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut stray = template("x", "v1");
    stray["metadata"]["name"] = json!("stray");
    plane.create::<Pod>(&ns, stray).await;
    plane.create::<ReplicaSet>(&ns, set(3)).await;
    ready(&plane, &ns, 3).await;
    let pods: Api<Pod> = plane.api(&ns);
    let stray = pods.get("stray").await.unwrap();
    assert_eq!(stray.owner_references()[0].name, "set");
    assert_eq!(plane.list::<Pod>(&ns).await.len(), 3);

    plane.patch::<Pod>(&ns, "stray", json!({"metadata": {"labels": {"app": "other"}}})).await;
    eventually("the pod is released and replaced", || async {
        let released = pods.get("stray").await.unwrap().owner_references().is_empty();
        (released && plane.list::<Pod>(&ns).await.len() == 4).then_some(())
    })
    .await;
    let victim = plane.list::<Pod>(&ns).await.into_iter().find(|pod| pod.name_any() != "stray").unwrap().name_any();
    pods.delete(&victim, &DeleteParams::default()).await.unwrap();
    eventually("the pod is replaced", || async {
        let names: Vec<String> = plane.list::<Pod>(&ns).await.iter().map(|pod| pod.name_any()).collect();
        (names.len() == 4 && !names.contains(&victim)).then_some(())
    })
    .await;
    eventually("creations are told", || async {
        (plane.events(&ns, "SuccessfulCreate").await.len() >= 4).then_some(())
    })
    .await;
    assert!(plane.events(&ns, "SuccessfulCreate").await[0].starts_with("Created pod: set-"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replication_controller_scales_to_many_and_back() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut wanted = set(60);
    wanted["spec"]["selector"] = json!({"app": "x"});
    plane.create::<ReplicationController>(&ns, wanted).await;
    let api: Api<ReplicationController> = plane.api(&ns);
    let reaches = |count: i32| {
        let api = api.clone();
        async move {
            eventually("the number is reached", || async {
                let status = api.get("set").await.unwrap().status.unwrap_or_default();
                (status.ready_replicas.unwrap_or_default() == count && status.replicas == count).then_some(())
            })
            .await;
        }
    };
    reaches(60).await;
    assert_eq!(plane.list::<Pod>(&ns).await.len(), 60);
    plane.patch::<ReplicationController>(&ns, "set", json!({"spec": {"replicas": 0}})).await;
    reaches(0).await;
    eventually("the pods are gone", || async { plane.list::<Pod>(&ns).await.is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_may_not_create_pods_says_so() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut wanted = set(1);
    // The server admits the template but refuses the pod: its class does not exist.
    wanted["spec"]["template"]["spec"]["priorityClassName"] = json!("nope");
    plane.create::<ReplicaSet>(&ns, wanted).await;
    let api: Api<ReplicaSet> = plane.api(&ns);
    let conditions = eventually("the failure is reported", || async {
        api.get("set").await.unwrap().status.and_then(|status| status.conditions)
    })
    .await;
    assert_eq!(
        (conditions[0].type_.as_str(), conditions[0].reason.as_deref()),
        ("ReplicaFailure", Some("FailedCreate"))
    );
    eventually("the failure is told", || async {
        plane.events(&ns, "FailedCreate").await.first().map(|message| assert!(message.starts_with("Error creating: ")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreground_deletion_ends_after_the_pods() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.create::<ReplicaSet>(&ns, set(2)).await;
    ready(&plane, &ns, 2).await;
    let held = plane.list::<Pod>(&ns).await[0].name_any();
    plane.patch::<Pod>(&ns, &held, json!({"metadata": {"finalizers": ["test.example/hold"]}})).await;
    let api: Api<ReplicaSet> = plane.api(&ns);
    let foreground =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
    api.delete("set", &foreground).await.unwrap();
    eventually("only the held pod is left", || async {
        let pods = plane.list::<Pod>(&ns).await;
        (pods.len() == 1 && pods[0].metadata.deletion_timestamp.is_some()).then_some(())
    })
    .await;
    let waiting = api.get("set").await.unwrap();
    assert_eq!(waiting.finalizers(), ["foregroundDeletion"]);
    plane.patch::<Pod>(&ns, &held, json!({"metadata": {"finalizers": null}})).await;
    eventually("the set is gone", || async { api.get_opt("set").await.unwrap().is_none().then_some(()) }).await;
    assert!(plane.list::<Pod>(&ns).await.is_empty());
}
