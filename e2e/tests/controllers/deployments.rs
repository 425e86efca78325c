//! Roll-outs.

use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::plane::{Plane, eventually, template};

fn deployment(replicas: i32, image: &str) -> Value {
    json!({
        "metadata": {"name": "web", "annotations": {"kubernetes.io/change-cause": "first"}},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template("web", image),
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        },
    })
}

/// Waits until the deployment has finished rolling out its present generation, with `replicas` available pods.
async fn rolled_out(plane: &Plane, namespace: &str, replicas: i32) -> Deployment {
    let api: Api<Deployment> = plane.api(namespace);
    eventually("the roll-out completes", || async {
        let found = api.get("web").await.unwrap();
        let status = found.status.clone().unwrap_or_default();
        let count = |number: Option<i32>| number.unwrap_or_default() == replicas;
        let counts = [status.replicas, status.updated_replicas, status.available_replicas, status.ready_replicas];
        let done = status.observed_generation == found.metadata.generation && counts.into_iter().all(count);
        (done && reason(&status, "Progressing") == "NewReplicaSetAvailable").then_some(found)
    })
    .await
}

fn reason(status: &DeploymentStatus, kind: &str) -> String {
    let found = status.conditions.iter().flatten().find(|condition| condition.type_ == kind);
    found.and_then(|condition| condition.reason.clone()).unwrap_or_default()
}

async fn sets(plane: &Plane, namespace: &str) -> Vec<(String, String, i32)> {
    let mut sets: Vec<_> = plane
        .list::<ReplicaSet>(namespace)
        .await
        .into_iter()
        .map(|set| {
            let revision = set.annotations()["deployment.kubernetes.io/revision"].clone();
            let image = set.spec.as_ref().unwrap().template.as_ref().unwrap().spec.as_ref().unwrap().containers[0]
                .image
                .clone();
            (revision, image.unwrap(), set.spec.unwrap().replicas.unwrap())
        })
        .collect();
    sets.sort();
    sets
}

fn row(revision: &str, image: &str, replicas: i32) -> (String, String, i32) {
    (revision.to_owned(), image.to_owned(), replicas)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolls_out_updates_undoes_and_scales() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.create::<Deployment>(&ns, deployment(3, "v1")).await;
    let first = rolled_out(&plane, &ns, 3).await;
    assert_eq!(first.annotations()["deployment.kubernetes.io/revision"], "1");
    assert_eq!(reason(first.status.as_ref().unwrap(), "Available"), "MinimumReplicasAvailable");
    let set = plane.list::<ReplicaSet>(&ns).await.remove(0);
    let hash = set.labels()["pod-template-hash"].clone();
    assert_eq!(set.name_any(), format!("web-{hash}"));
    assert_eq!(set.annotations()["kubernetes.io/change-cause"], "first");
    assert_eq!(set.annotations()["deployment.kubernetes.io/desired-replicas"], "3");
    assert_eq!(set.annotations()["deployment.kubernetes.io/max-replicas"], "4");
    for pod in plane.list::<Pod>(&ns).await {
        assert_eq!(pod.labels()["pod-template-hash"], hash);
        assert!(pod.name_any().starts_with(&format!("web-{hash}-")));
    }

    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    plane.patch::<Deployment>(&ns, "web", image("v2")).await;
    rolled_out(&plane, &ns, 3).await;
    assert_eq!(sets(&plane, &ns).await, [row("1", "v1", 0), row("2", "v2", 3)]);
    plane.patch::<Deployment>(&ns, "web", image("v1")).await;
    let undone = rolled_out(&plane, &ns, 3).await;
    assert_eq!(sets(&plane, &ns).await, [row("2", "v2", 0), row("3", "v1", 3)]);
    assert_eq!(undone.annotations()["deployment.kubernetes.io/revision"], "3");
    let again = plane.api::<ReplicaSet>(&ns).get(&format!("web-{hash}")).await.unwrap();
    assert_eq!(again.annotations()["deployment.kubernetes.io/revision-history"], "1");

    plane.patch::<Deployment>(&ns, "web", json!({"spec": {"replicas": 5}})).await;
    rolled_out(&plane, &ns, 5).await;
    let expected = format!("Scaled up replica set web-{hash} from 3 to 5");
    // By now there were so many that the recorder combines them.
    eventually("the event of the scaling", || async {
        plane.events(&ns, "ScalingReplicaSet").await.iter().any(|message| message.ends_with(&expected)).then_some(())
    })
    .await;
    let messages = plane.events(&ns, "ScalingReplicaSet").await;
    assert!(messages.contains(&format!("Scaled up replica set web-{hash} from 0 to 3")), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_update_keeps_the_old_pods_and_is_reported() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut wanted = deployment(4, "v1");
    wanted["spec"]["progressDeadlineSeconds"] = json!(2);
    wanted["spec"]["minReadySeconds"] = json!(1);
    plane.create::<Deployment>(&ns, wanted).await;
    rolled_out(&plane, &ns, 4).await;
    let broken = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "broken"}]}}}});
    plane.patch::<Deployment>(&ns, "web", broken).await;
    let api: Api<Deployment> = plane.api(&ns);
    let stuck = eventually("the deadline passes", || async {
        let found = api.get("web").await.unwrap();
        let status = found.status.clone().unwrap_or_default();
        (reason(&status, "Progressing") == "ProgressDeadlineExceeded").then_some(found)
    })
    .await;
    let status = stuck.status.unwrap();
    assert_eq!((status.available_replicas, status.updated_replicas), (Some(3), Some(2)));
    assert_eq!(reason(&status, "Available"), "MinimumReplicasAvailable");
    assert_eq!(sets(&plane, &ns).await, [row("1", "v1", 3), row("2", "broken", 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recreate_never_runs_two_versions_at_a_time() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut wanted = deployment(3, "v1");
    wanted["spec"]["strategy"] = json!({"type": "Recreate"});
    plane.create::<Deployment>(&ns, wanted).await;
    rolled_out(&plane, &ns, 3).await;
    let next = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "v2"}]}}}});
    plane.patch::<Deployment>(&ns, "web", next).await;
    let pods: Api<Pod> = plane.api(&ns);
    eventually("the update completes", || async {
        let pods = pods.list(&Default::default()).await.unwrap().items;
        let image = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
        let (old, new): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| image(pod) == "v1");
        assert!(old.is_empty() || new.is_empty(), "two versions at a time");
        (new.len() == 3).then_some(())
    })
    .await;
    rolled_out(&plane, &ns, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_deployment_waits_and_old_revisions_are_forgotten() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut wanted = deployment(2, "v0");
    wanted["spec"]["revisionHistoryLimit"] = json!(1);
    plane.create::<Deployment>(&ns, wanted).await;
    rolled_out(&plane, &ns, 2).await;
    plane.patch::<Deployment>(&ns, "web", json!({"spec": {"paused": true}})).await;
    let api: Api<Deployment> = plane.api(&ns);
    eventually("the pause is noted", || async {
        let status = api.get("web").await.unwrap().status.unwrap_or_default();
        (reason(&status, "Progressing") == "DeploymentPaused").then_some(())
    })
    .await;
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    let paused = plane.patch::<Deployment>(&ns, "web", image("v1")).await;
    eventually("the change is observed", || async {
        let status = api.get("web").await.unwrap().status.unwrap_or_default();
        (status.observed_generation == paused.metadata.generation).then_some(())
    })
    .await;
    assert_eq!(sets(&plane, &ns).await, [row("1", "v0", 2)]);
    plane.patch::<Deployment>(&ns, "web", json!({"spec": {"paused": false}})).await;
    rolled_out(&plane, &ns, 2).await;
    plane.patch::<Deployment>(&ns, "web", image("v2")).await;
    rolled_out(&plane, &ns, 2).await;
    eventually("the first revision is deleted", || async {
        (sets(&plane, &ns).await == [row("2", "v1", 0), row("3", "v2", 2)]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_deployment_takes_everything_with_it_unless_orphaned() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.create::<Deployment>(&ns, deployment(2, "v1")).await;
    rolled_out(&plane, &ns, 2).await;
    let api: Api<Deployment> = plane.api(&ns);
    let orphan = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    api.delete("web", &orphan).await.unwrap();
    eventually("the deployment is gone", || async { api.get_opt("web").await.unwrap().is_none().then_some(()) }).await;
    let sets = plane.list::<ReplicaSet>(&ns).await;
    assert_eq!(sets.len(), 1);
    assert!(sets[0].owner_references().is_empty());

    // A new deployment adopts what is left.
    plane.create::<Deployment>(&ns, deployment(2, "v1")).await;
    rolled_out(&plane, &ns, 2).await;
    let adopted = plane.list::<ReplicaSet>(&ns).await;
    assert_eq!((adopted.len(), adopted[0].uid()), (1, sets[0].uid()));
    assert_eq!(adopted[0].owner_references()[0].kind, "Deployment");
    api.delete("web", &DeleteParams::background()).await.unwrap();
    eventually("nothing is left", || async {
        let empty = plane.list::<ReplicaSet>(&ns).await.is_empty() && plane.list::<Pod>(&ns).await.is_empty();
        empty.then_some(())
    })
    .await;
    let params = PatchParams::default();
    assert!(api.patch("web", &params, &Patch::Merge(json!({}))).await.is_err());
}
