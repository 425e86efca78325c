//! Numbered pods.

use std::collections::BTreeMap;

use corvette_client::kube::api::DeleteParams;
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use super::plane::{Plane, eventually, template};

fn set(replicas: i32, more: Value) -> Value {
    let mut spec = json!({
        "replicas": replicas, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
        "template": template("db", "v1"),
        "volumeClaimTemplates": [{
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        }],
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": "db"}, "spec": spec})
}

/// Waits until `replicas` pods are available and `updated` of them have the newest template.
async fn settled(plane: &Plane, namespace: &str, replicas: i32, updated: i32) -> StatefulSet {
    let api: Api<StatefulSet> = plane.api(namespace);
    eventually("the stateful set settles", || async {
        let set = api.get("db").await.unwrap();
        let status = set.status.clone().unwrap_or_default();
        let counts = (status.replicas, status.available_replicas, status.updated_replicas.unwrap_or_default());
        let current = status.observed_generation == set.metadata.generation;
        (current && counts == (replicas, Some(replicas), updated)).then_some(set)
    })
    .await
}

async fn images(plane: &Plane, namespace: &str) -> BTreeMap<String, String> {
    let pods = plane.list::<Pod>(namespace).await;
    pods.into_iter().map(|pod| (pod.name_any(), pod.spec.unwrap().containers[0].image.clone().unwrap())).collect()
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grows_updates_by_partition_and_shrinks_in_order() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.create::<StatefulSet>(&ns, set(3, json!({}))).await;
    let first = settled(&plane, &ns, 3, 3).await;
    let status = first.status.unwrap();
    assert_eq!(status.current_revision, status.update_revision);
    let mut pods = plane.list::<Pod>(&ns).await;
    pods.sort_by_key(|pod| pod.name_any());
    let created: Vec<_> = pods.iter().map(|pod| pod.creation_timestamp()).collect();
    assert!(created.is_sorted());
    for (number, pod) in pods.iter().enumerate() {
        assert_eq!(pod.name_any(), format!("db-{number}"));
        assert_eq!(pod.labels()["apps.kubernetes.io/pod-index"], number.to_string());
        assert_eq!(Some(&pod.labels()["controller-revision-hash"]), status.current_revision.as_ref());
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!((spec.hostname.as_deref(), spec.subdomain.as_deref()), (pod.metadata.name.as_deref(), Some("db")));
    }

    let partition = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}});
    plane.patch::<StatefulSet>(&ns, "db", partition).await;
    plane.patch::<StatefulSet>(&ns, "db", image("v2")).await;
    settled(&plane, &ns, 3, 1).await;
    assert_eq!(images(&plane, &ns).await, pairs(&[("db-0", "v1"), ("db-1", "v1"), ("db-2", "v2")]));
    let pods: Api<Pod> = plane.api(&ns);
    let deleted = pods.get("db-0").await.unwrap().uid();
    pods.delete("db-0", &DeleteParams::default()).await.unwrap();
    eventually("the deleted pod comes back", || async {
        pods.get_opt("db-0").await.unwrap().filter(|pod| pod.uid() != deleted)
    })
    .await;
    settled(&plane, &ns, 3, 1).await;
    assert_eq!(images(&plane, &ns).await["db-0"], "v1");

    plane
        .patch::<StatefulSet>(&ns, "db", json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}))
        .await;
    let done = settled(&plane, &ns, 3, 3).await;
    let revisions = plane.list::<ControllerRevision>(&ns).await;
    assert_eq!(revisions.len(), 2);
    eventually("the new revision becomes the current one", || async {
        let status = plane.api::<StatefulSet>(&ns).get("db").await.unwrap().status.unwrap();
        (status.current_revision == done.status.as_ref().unwrap().update_revision).then_some(())
    })
    .await;
    plane.patch::<StatefulSet>(&ns, "db", json!({"spec": {"replicas": 1}})).await;
    settled(&plane, &ns, 1, 1).await;
    assert_eq!(images(&plane, &ns).await, pairs(&[("db-0", "v2")]));
    assert_eq!(plane.list::<PersistentVolumeClaim>(&ns).await.len(), 3);
    eventually("events are told", || async {
        let expected = "create Pod db-2 in StatefulSet db successful".to_owned();
        plane.events(&ns, "SuccessfulCreate").await.contains(&expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_go_as_the_retention_policy_says() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let policy = json!({
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "podManagementPolicy": "Parallel",
    });
    plane.create::<StatefulSet>(&ns, set(3, policy)).await;
    settled(&plane, &ns, 3, 3).await;
    let claims: Api<PersistentVolumeClaim> = plane.api(&ns);
    plane.patch::<StatefulSet>(&ns, "db", json!({"spec": {"replicas": 2}})).await;
    settled(&plane, &ns, 2, 2).await;
    eventually("the claim of the pod that went is going", || async {
        let claim = claims.get_opt("data-db-2").await.unwrap();
        claim.is_none_or(|claim| claim.metadata.deletion_timestamp.is_some()).then_some(())
    })
    .await;
    assert!(claims.get("data-db-1").await.unwrap().metadata.deletion_timestamp.is_none());
    plane.api::<StatefulSet>(&ns).delete("db", &DeleteParams::default()).await.unwrap();
    eventually("all claims are going", || async {
        let all = plane.list::<PersistentVolumeClaim>(&ns).await;
        all.iter().all(|claim| claim.metadata.deletion_timestamp.is_some()).then_some(())
    })
    .await;
}
