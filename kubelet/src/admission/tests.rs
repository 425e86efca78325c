//! Refusals in upstream's words.

use serde_json::{Value, json};

use super::{judge as judge_with, *};

fn node() -> NodeFacts {
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": "one", "labels": {"disk": "ssd"}},
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "10Gi", "pods": "3", "x/gpu": "1"}}
    }))
    .unwrap();
    NodeFacts::from_api(&node, false, Pressure::default())
}

fn pod(uid: &str, spec: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": uid, "uid": uid}, "spec": spec})).unwrap()
}

fn asking(requests: Value) -> Value {
    json!({"containers": [{"name": "c", "resources": {"requests": requests}}]})
}

fn with(extra: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "c"}]});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    spec
}

fn port(number: i32, ip: &str) -> Value {
    json!({"containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": number, "hostIP": ip}]}]})
}

#[test]
fn what_is_taken_is_counted_until_it_is_released() {
    let (ledger, node) = (Ledger::default(), node());
    let admit = |uid: &str, spec: Value| ledger.admit(&pod(uid, spec), &node).map_err(|why| (why.reason, why.message));
    admit("a", asking(json!({"cpu": "1500m"}))).unwrap();
    let message = "Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000";
    assert_eq!(admit("b", asking(json!({"cpu": "1"}))).unwrap_err(), ("OutOfcpu".into(), message.into()));
    assert_eq!(admit("b", asking(json!({"memory": "2Gi"}))).unwrap_err().0, "OutOfmemory");
    assert_eq!(admit("b", asking(json!({"x/gpu": "2"}))).unwrap_err().0, "OutOfx/gpu");
    admit("b", asking(json!({"x/unknown": "2"}))).unwrap();
    // A pod is not counted against itself.
    admit("a", asking(json!({"cpu": "2"}))).unwrap();
    ledger.release("a");
    admit("c", asking(json!({"cpu": "2"}))).unwrap();
    admit("d", asking(json!({}))).unwrap();
    assert_eq!(admit("e", asking(json!({}))).unwrap_err().0, "OutOfpods");
}

#[test]
fn ports_of_the_node_are_taken_once() {
    let (ledger, node) = (Ledger::default(), node());
    ledger.record(&pod("a", port(80, "10.0.0.1")));
    ledger.admit(&pod("b", port(80, "10.0.0.2")), &node).unwrap();
    let refused = ledger.admit(&pod("c", port(80, "")), &node).unwrap_err();
    let message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!((refused.reason.as_str(), refused.message.as_str()), ("NodePorts", message));
}

#[test]
fn labels_taints_and_features_must_fit() {
    let mut node = node();
    node.taints.extend(
        serde_json::from_value::<Vec<k8s_openapi::api::core::v1::Taint>>(json!([
            {"key": "k", "effect": "NoExecute"}, {"key": "other", "effect": "NoSchedule"}
        ]))
        .unwrap()
        .iter()
        .filter_map(Taint::from_api),
    );
    let judge = |spec: Value| {
        let pod = pod("p", spec);
        judge_with(&pod, &Holding::of(&pod), &node, &[]).err().map(|why| (why.reason, why.message))
    };
    let tolerated = json!([{"key": "k", "operator": "Exists"}]);
    assert_eq!(judge(with(json!({"tolerations": tolerated, "nodeSelector": {"disk": "ssd"}}))), None);
    for (spec, reason, message) in [
        (
            json!({}),
            "TaintToleration",
            "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
        ),
        (
            json!({"nodeSelector": {"disk": "hdd"}}),
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ),
        (
            json!({"os": {"name": "windows"}}),
            "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS",
        ),
        (
            json!({"securityContext": {"supplementalGroupsPolicy": "Strict"}}),
            "SupplementalGroupsPolicyNotSupported",
            "SupplementalGroupsPolicy=Strict is not supported in this node",
        ),
        (
            json!({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}),
            "AppArmor",
            "Cannot enforce AppArmor: AppArmor is not enabled on the host",
        ),
        (
            json!({"securityContext": {"sysctls": [{"name": "kernel/shm_rmid_forced", "value": "1"}, {"name": "kernel.msgmax", "value": "1"}]}}),
            "SysctlForbidden",
            "forbidden sysctl: \"kernel.msgmax\" not allowlisted",
        ),
        (
            json!({"hostNetwork": true, "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}}),
            "SysctlForbidden",
            "forbidden sysctl: \"net.ipv4.tcp_rmem\" not allowed with host net enabled",
        ),
    ] {
        assert_eq!(judge(with(spec)).unwrap(), (reason.to_owned(), message.to_owned()));
    }
}
