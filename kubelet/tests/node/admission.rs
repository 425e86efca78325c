//! Pods that the node does not take.

use serde_json::{Value, json};

use crate::support::views::{is_ready, phase, shell, with};
use crate::support::{self, Node};

const SLEEP: &str = "trap 'exit 0' TERM; sleep 100000 & wait";

fn on_port(port: u16) -> Value {
    json!({"containers": [with(shell("main", SLEEP), json!({"ports": [{"containerPort": 80, "hostPort": port}]}))]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_does_not_fit_fails_and_leaves_nothing() {
    if !support::in_namespace("admission::a_pod_that_does_not_fit_fails_and_leaves_nothing") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let first = node.pod("first", on_port(4711));
    node.api.until(&first, is_ready).await;

    let failed = |pod: Option<&Value>| phase(pod) == "Failed";
    let second = node.pod("second", on_port(4711));
    let pod = node.api.until(&second, failed).await.unwrap();
    let message =
        "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!((&pod["status"]["reason"], &pod["status"]["message"]), (&json!("NodePorts"), &json!(message)));
    assert!(pod["status"]["startTime"].is_string() && pod["status"]["containerStatuses"].is_null());
    let said =
        |events: &[Value]| events.iter().any(|event| event["reason"] == "NodePorts" && event["type"] == "Warning");
    while !said(&node.api.list("/api/v1/namespaces/default/events")) {
        tokio::task::yield_now().await;
    }

    // The next kubelet knows what runs, and judges only what is new.
    kubelet.kill().await;
    let kubelet = node.kubelet();
    let third = node.pod("third", on_port(4711));
    assert_eq!(node.api.until(&third, failed).await.unwrap()["status"]["reason"], "NodePorts");
    assert_eq!(phase(node.api.get(&first).as_ref()), "Running");
    assert_eq!(node.api.get(&second).unwrap()["status"]["message"], message);
    let huge = with(shell("main", SLEEP), json!({"resources": {"requests": {"memory": "1Ei"}}}));
    let huge = node.pod("huge", json!({"containers": [huge]}));
    assert_eq!(node.api.until(&huge, failed).await.unwrap()["status"]["reason"], "OutOfmemory");

    // What ended holds nothing.
    for path in [&first, &second, &third, &huge] {
        node.api.delete(path, 1);
        node.api.until(path, |pod| pod.is_none()).await;
    }
    let fourth = node.pod("fourth", on_port(4711));
    node.api.until(&fourth, is_ready).await;
    node.api.delete(&fourth, 1);
    node.api.until(&fourth, |pod| pod.is_none()).await;
    assert_eq!(node.traces(), Vec::<String>::new());
    kubelet.stop().await;
}
