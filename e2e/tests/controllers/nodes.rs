//! Nodes that come and fall silent.

use std::time::Duration;

use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::{Api, ResourceExt as _};
use corvette_controller_manager::Config;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;

use super::plane::{Plane, eventually, template};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_gets_its_own_pod_range() {
    let plane = Plane::start().await;
    for name in ["a", "b"] {
        plane.node(name).await;
    }
    let nodes = Api::<Node>::all(plane.client.clone());
    let mut ranges = eventually("all have one", || async {
        let nodes = nodes.list(&Default::default()).await.unwrap().items;
        nodes.iter().map(|node| node.spec.as_ref()?.pod_cidr.clone()).collect::<Option<Vec<_>>>()
    })
    .await;
    ranges.sort();
    assert_eq!(ranges, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
    nodes.delete("b", &Default::default()).await.unwrap();
    for (reason, message) in [
        ("RegisteredNode", "Node a event: Registered Node a in Controller"),
        ("RemovingNode", "Node b event: Removing Node b from Controller"),
    ] {
        eventually("it is told", || async {
            plane.events("default", reason).await.iter().any(|told| told == message).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_node_is_unknown_tainted_and_loses_its_pods() {
    let grace = Duration::from_secs(1);
    let plane = Plane::with(Config { node_monitor_grace_period: grace, ..Config::default() }).await;
    let ns = plane.namespace().await;
    let mut pod = template("x", "v1");
    pod["metadata"]["name"] = json!("p");
    pod["spec"]["tolerations"] = json!([
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1},
    ]);
    plane.create::<Pod>(&ns, pod).await;
    let pods: Api<Pod> = plane.api(&ns);
    let nodes = Api::<Node>::all(plane.client.clone());
    let silent = eventually("the node is unknown", || async {
        let node = nodes.get("worker").await.unwrap();
        let ready = node.status.clone()?.conditions?.into_iter().find(|condition| condition.type_ == "Ready")?;
        (ready.status == "Unknown").then_some(ready)
    })
    .await;
    assert_eq!(silent.reason.as_deref(), Some("NodeStatusUnknown"));
    assert_eq!(silent.message.as_deref(), Some("Kubelet stopped posting node status."));
    eventually("new pods are kept away", || async {
        let taints = nodes.get("worker").await.unwrap().spec?.taints?;
        assert!(taints.iter().all(|taint| taint.effect != "NoExecute"), "all nodes are silent: nothing is evicted");
        taints.iter().any(|t| t.key == "node.kubernetes.io/unreachable" && t.effect == "NoSchedule").then_some(())
    })
    .await;
    eventually("the pod is not ready", || async {
        let conditions = pods.get("p").await.unwrap().status?.conditions?;
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "False").then_some(())
    })
    .await;

    // A second node works: now the silent one is emptied.
    plane.node("other").await;
    let heartbeats = async {
        loop {
            let now = jiff::Timestamp::now().to_string();
            let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": now});
            let patch = json!({"status": {"conditions": [ready]}});
            nodes.patch_status("other", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let evicted =
        eventually("the pod is evicted", || async { pods.get_opt("p").await.unwrap().is_none().then_some(()) });
    tokio::select! {
        () = heartbeats => {}
        () = evicted => {}
    }
    let messages = eventually("the eviction is told", || async {
        Some(plane.events(&ns, "TaintManagerEviction").await).filter(|messages| !messages.is_empty())
    })
    .await;
    assert_eq!(messages[0], format!("Marking for deletion Pod {ns}/p"));
    assert_eq!(nodes.get("other").await.unwrap().name_any(), "other");
}
