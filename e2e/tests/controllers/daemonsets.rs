//! One pod on each node.

use std::collections::BTreeSet;

use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::plane::{Plane, eventually, template};

const HASH: &str = "controller-revision-hash";

fn set(strategy: Value) -> Value {
    json!({
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", "v1"),
            "updateStrategy": strategy,
        },
    })
}

/// Waits until `count` nodes have an available pod of the present template.
async fn rolled_out(plane: &Plane, namespace: &str, count: i32) -> DaemonSet {
    let api: Api<DaemonSet> = plane.api(namespace);
    eventually("the daemon set is rolled out", || async {
        let set = api.get("agent").await.unwrap();
        let status = set.status.clone().unwrap_or_default();
        let counts = [Some(status.desired_number_scheduled), status.number_available, status.updated_number_scheduled];
        let done = status.observed_generation == set.metadata.generation && status.number_unavailable.is_none();
        (done && counts.into_iter().all(|number| number == Some(count))).then_some(set)
    })
    .await
}

async fn nodes_of(plane: &Plane, namespace: &str) -> BTreeSet<String> {
    let pods = plane.list::<Pod>(namespace).await;
    let staying = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    staying.filter_map(|pod| pod.spec?.node_name).collect()
}

async fn taint(plane: &Plane, node: &str, taints: Value) {
    let api: Api<Node> = Api::all(plane.client.clone());
    api.patch(node, &PatchParams::default(), &Patch::Merge(json!({"spec": {"taints": taints}}))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_follow_the_nodes() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.node("second").await;
    plane.create::<DaemonSet>(&ns, set(json!({"type": "RollingUpdate"}))).await;
    rolled_out(&plane, &ns, 2).await;
    plane.node("third").await;
    rolled_out(&plane, &ns, 3).await;
    assert_eq!(nodes_of(&plane, &ns).await, BTreeSet::from(["second", "third", "worker"].map(str::to_owned)));

    taint(&plane, "second", json!([{"key": "gpu", "effect": "NoExecute"}])).await;
    rolled_out(&plane, &ns, 2).await;
    assert_eq!(nodes_of(&plane, &ns).await, BTreeSet::from(["third", "worker"].map(str::to_owned)));
    taint(&plane, "second", json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}])).await;
    rolled_out(&plane, &ns, 3).await;

    let pods: Api<Pod> = plane.api(&ns);
    let victim = plane.list::<Pod>(&ns).await.remove(0);
    let failed = json!({"status": {"phase": "Failed"}});
    pods.patch_status(&victim.name_any(), &PatchParams::default(), &Patch::Merge(failed)).await.unwrap();
    eventually("the failed pod is replaced", || async {
        pods.get_opt(&victim.name_any()).await.unwrap().is_none().then_some(())
    })
    .await;
    rolled_out(&plane, &ns, 3).await;
    eventually("the failure is told", || async {
        plane.events(&ns, "FailedDaemonPod").await.first().map(|message| {
            assert!(message.starts_with(&format!("Found failed daemon pod {ns}/agent-")), "{message}");
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_back_does_not_restart_what_still_runs_the_old_template() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    for node in ["second", "third"] {
        plane.node(node).await;
    }
    plane.create::<DaemonSet>(&ns, set(json!({"type": "RollingUpdate"}))).await;
    rolled_out(&plane, &ns, 3).await;
    let before: BTreeSet<String> = plane.list::<Pod>(&ns).await.iter().filter_map(|pod| pod.uid()).collect();
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    plane.patch::<DaemonSet>(&ns, "agent", image("broken")).await;
    eventually("one node is updated and the others wait", || async {
        let pods = plane.list::<Pod>(&ns).await;
        let broken =
            pods.iter().filter(|pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some("broken"));
        (broken.count() == 1 && pods.len() == 3).then_some(())
    })
    .await;
    plane.patch::<DaemonSet>(&ns, "agent", image("v1")).await;
    rolled_out(&plane, &ns, 3).await;
    let after: BTreeSet<String> = plane.list::<Pod>(&ns).await.iter().filter_map(|pod| pod.uid()).collect();
    assert_eq!(before.intersection(&after).count(), 2);
    let mut revisions = plane.list::<ControllerRevision>(&ns).await;
    revisions.sort_by_key(|revision| revision.revision);
    assert_eq!(revisions.iter().map(|r| r.revision).collect::<Vec<_>>(), [2, 3]);
    for pod in plane.list::<Pod>(&ns).await {
        assert_eq!(pod.labels()[HASH], revisions[1].labels()[HASH]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn surge_starts_the_new_pod_before_the_old_one_goes() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    plane.create::<DaemonSet>(&ns, set(strategy)).await;
    rolled_out(&plane, &ns, 1).await;
    let old = plane.list::<Pod>(&ns).await.remove(0).name_any();
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    plane.patch::<DaemonSet>(&ns, "agent", image("broken")).await;
    eventually("the new pod waits beside the old one", || async {
        let names: Vec<String> = plane.list::<Pod>(&ns).await.iter().map(|pod| pod.name_any()).collect();
        (names.len() == 2 && names.contains(&old)).then_some(())
    })
    .await;
    plane.patch::<DaemonSet>(&ns, "agent", image("v2")).await;
    rolled_out(&plane, &ns, 1).await;
    eventually("only the new pod is left", || async {
        let pods = plane.list::<Pod>(&ns).await;
        (pods.len() == 1 && pods[0].name_any() != old).then_some(())
    })
    .await;
}
