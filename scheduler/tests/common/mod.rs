//! Nodes and pods for tests.

use corvette_scheduler::cache::Cache;
use corvette_scheduler::cycle::Cycle;
use corvette_scheduler::model::{NodeInfo, PodInfo};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

/// Makes a node of 2 cores and 4 GiB, with more as `extra` says.
pub fn node(name: &str, extra: Value) -> NodeInfo {
    let mut value = json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
        "spec": {},
        "status": { "allocatable": { "cpu": "2", "memory": "4Gi", "pods": "110" } }
    });
    merge(&mut value, extra);
    let node: Node = serde_json::from_value(value).unwrap();
    NodeInfo::from_api(&node).unwrap()
}

/// Makes a pod, with more as `extra` says.
pub fn pod(name: &str, extra: Value) -> PodInfo {
    let mut value = json!({
        "metadata": { "namespace": "default", "name": name, "uid": format!("uid-{name}") },
        "spec": { "containers": [{ "name": "c", "image": "i" }] }
    });
    merge(&mut value, extra);
    let pod: Pod = serde_json::from_value(value).unwrap();
    PodInfo::from_api(&pod).unwrap()
}

/// Merges two JSON values.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// What a pod says that asks for this much.
pub fn requesting(cpu: &str, memory: &str) -> Value {
    json!({ "spec": { "containers": [{ "name": "c", "image": "i", "resources": { "requests": { "cpu": cpu, "memory": memory } } }] } })
}

/// A cache that knows these nodes.
pub fn cluster(nodes: Vec<NodeInfo>) -> Cache {
    let mut cache = Cache::default();
    nodes.into_iter().for_each(|n| cache.apply_node(n));
    cache
}

/// The node that a pod gets, or why none.
pub fn place(cache: &Cache, pod: &PodInfo) -> Result<String, String> {
    let placed = Cycle::new(7).run(cache.snapshot(), pod);
    placed.map(|p| p.node.to_string()).map_err(|e| e.to_string())
}
