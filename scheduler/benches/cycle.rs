//! Scheduling decisions per second: `cargo xtask bench cycle`. Each row decides about every pod and counts it on its node, as the
//! scheduler does; the last column is the cost of a decision relative to the first row's.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;
use std::time::Instant;

use corvette_scheduler::cache::Cache;
use corvette_scheduler::cycle::Cycle;
use corvette_scheduler::model::{NodeInfo, PodInfo};
use serde_json::json;

fn main() {
    println!("{:>7} {:>7} {:>12} {:>10} {:>7}", "nodes", "pods", "pods/s", "µs each", "ratio");
    let mut first = None;
    for (nodes, pods) in [(10, 500), (100, 5_000), (1_000, 5_000), (5_000, 10_000)] {
        let each = decide(nodes, pods);
        let base = *first.get_or_insert(each);
        println!("{nodes:>7} {pods:>7} {:>12.0} {:>10.1} {:>7.1}", 1e6 / each, each, each / base);
    }
}

/// Microseconds for one decision.
fn decide(nodes: usize, pods: usize) -> f64 {
    let mut cache = Cache::default();
    for i in 0..nodes {
        let node = json!({
            "metadata": { "name": format!("node-{i}"), "labels": { "zone": format!("z{}", i % 3) } },
            "status": { "allocatable": { "cpu": "32", "memory": "256Gi", "pods": "110" } }
        });
        cache.apply_node(NodeInfo::from_api(&serde_json::from_value(node).unwrap()).unwrap());
    }
    let waiting: Vec<Arc<PodInfo>> = (0..pods)
        .map(|i| {
            let pod = json!({
                "metadata": { "namespace": "default", "name": format!("pod-{i}"), "uid": format!("uid-{i}") },
                "spec": {
                    "nodeSelector": { "zone": format!("z{}", i % 3) },
                    "containers": [{ "name": "c", "resources": { "requests": { "cpu": "100m", "memory": "128Mi" } } }]
                }
            });
            Arc::new(PodInfo::from_api(&serde_json::from_value(pod).unwrap()).unwrap())
        })
        .collect();
    let mut cycle = Cycle::new(1);
    let started = Instant::now();
    for pod in &waiting {
        let placement = cycle.run(cache.snapshot(), pod).unwrap();
        cache.assume(pod.clone(), placement.node);
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(pods).unwrap())
}
