//! Placing pods: every rule alone, upstream's words for a refusal, and thousands of generated clusters.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{cluster, merge, node, place, pod, requesting};
use corvette_scheduler::cycle::Cycle;
use corvette_scheduler::preemption;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn refusals_are_counted_in_upstreams_words() {
    let tainted = json!({ "spec": { "taints": [{ "key": "team", "value": "a", "effect": "NoSchedule" }] } });
    let cordoned = json!({ "spec": { "unschedulable": true } });
    let port = json!({ "spec": { "containers": [{ "name": "c", "image": "i", "ports": [{ "containerPort": 80, "hostPort": 80 }] }] } });
    let selecting = json!({ "spec": { "nodeSelector": { "disk": "ssd" } } });
    let terms = json!([{ "matchExpressions": [{ "key": "zone", "operator": "In", "values": ["a"] }] }]);
    let required = json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } });
    let affine = json!({ "spec": { "affinity": { "nodeAffinity": required } } });
    let rows = [
        (json!({}), requesting("3", "1Gi"), "0/1 nodes are available: 1 Insufficient cpu."),
        (json!({}), requesting("3", "5Gi"), "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."),
        (tainted, json!({}), "0/1 nodes are available: 1 node(s) had untolerated taint(s)."),
        (cordoned, json!({}), "0/1 nodes are available: 1 node(s) were unschedulable."),
        (json!({}), selecting, "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
        (json!({}), affine, "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
        (
            json!({ "status": { "allocatable": { "pods": "1" } } }),
            json!({}),
            "0/1 nodes are available: 1 Too many pods.",
        ),
        (json!({}), port, "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."),
    ];
    for (shape, wanted, message) in rows {
        let mut cache = cluster(vec![node("n", shape)]);
        let occupied = json!({ "spec": { "nodeName": "n", "containers": [{ "name": "c", "image": "i", "ports": [{ "containerPort": 80, "hostPort": 80 }] }] } });
        cache.apply_pod(pod("there", occupied));
        assert_eq!(place(&cache, &pod("p", wanted)), Err(message.to_owned()));
    }
    assert_eq!(place(&cluster(vec![]), &pod("p", json!({}))), Err("no nodes available to schedule pods".to_owned()));
}

#[test]
fn no_eviction_helps_a_pod_that_is_too_big_for_the_whole_node() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    let mut running = requesting("1500m", "1Mi");
    merge(&mut running, json!({ "spec": { "nodeName": "n" } }));
    cache.apply_pod(pod("there", running));
    let resolvable = |cpu: &str| {
        Cycle::new(1).run(cache.snapshot(), &pod("p", requesting(cpu, "1Mi"))).unwrap_err().resolvable.len()
    };
    assert_eq!((resolvable("1"), resolvable("3")), (1, 0));
}

#[test]
fn a_tolerated_taint_and_a_matching_label_let_a_pod_in() {
    let shape = json!({ "metadata": { "labels": { "disk": "ssd" } }, "spec": { "taints": [{ "key": "team", "value": "a", "effect": "NoSchedule" }] } });
    let cache = cluster(vec![node("n", shape)]);
    let wanted = json!({ "spec": { "nodeSelector": { "disk": "ssd" }, "tolerations": [{ "key": "team", "operator": "Exists" }] } });
    assert_eq!(place(&cache, &pod("p", wanted)), Ok("n".to_owned()));
}

#[test]
fn the_emptier_node_wins() {
    let mut cache = cluster(vec![node("busy", json!({})), node("idle", json!({}))]);
    let mut running = requesting("1", "2Gi");
    merge(&mut running, json!({ "spec": { "nodeName": "busy" } }));
    cache.apply_pod(pod("r", running));
    assert_eq!(place(&cache, &pod("p", requesting("100m", "64Mi"))), Ok("idle".to_owned()));
}

#[test]
fn an_assumed_pod_counts_until_it_is_forgotten() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    let first = Arc::new(pod("a", requesting("1500m", "1Gi")));
    cache.assume(first.clone(), "n".into());
    let second = pod("b", requesting("1", "1Gi"));
    assert!(place(&cache, &second).is_err());
    cache.forget(&first.key);
    assert_eq!(place(&cache, &second), Ok("n".to_owned()));
}

#[test]
fn preemption_evicts_as_few_and_as_low_as_possible() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    for (name, cpu, priority) in [("low", "500m", 1), ("lower", "500m", 0), ("equal", "500m", 10)] {
        let mut running = requesting(cpu, "1Mi");
        merge(&mut running, json!({ "spec": { "nodeName": "n", "priority": priority } }));
        cache.apply_pod(pod(name, running));
    }
    let mut wanted = requesting("900m", "1Mi");
    merge(&mut wanted, json!({ "spec": { "priority": 10 } }));
    let incoming = pod("p", wanted);
    let error = Cycle::new(1).run(cache.snapshot(), &incoming).unwrap_err();
    let outcome = preemption::nominate(cache.snapshot(), &incoming, None, &error.resolvable);
    let preemption::Outcome::Nominated(nomination) = outcome else { panic!("no room: {outcome:?}") };
    let victims: Vec<&str> = nomination.victims.iter().map(|v| &*v.name).collect();
    assert_eq!((&*nomination.node, victims), ("n", vec!["lower"]));
}

prop_compose! {
    fn arbitrary_pod()(cpu in 0..1500_i64, memory in 0..3000_i64, port in prop::option::of(80..83), selected in any::<bool>())
        -> (i64, i64, Option<i32>, bool) {
        (cpu, memory, port, selected)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes in whatever order: no node is over-committed, no port taken twice, no selector ignored, and a pod is refused only
    /// when every node refuses it.
    #[test]
    fn placements_never_overcommit(pods in prop::collection::vec(arbitrary_pod(), 1..40), nodes in 1..8_usize, seed in any::<u64>()) {
        let labels = |i: usize| json!({ "metadata": { "labels": { "even": i.is_multiple_of(2).to_string() } } });
        let mut cache = cluster((0..nodes).map(|i| node(&format!("n{i}"), labels(i))).collect());
        let mut cycle = Cycle::new(seed);
        for (i, (cpu, memory, port, selected)) in pods.into_iter().enumerate() {
            let mut wanted = requesting(&format!("{cpu}m"), &format!("{memory}Mi"));
            if let Some(port) = port {
                wanted["spec"]["containers"][0]["ports"] = json!([{ "containerPort": port, "hostPort": port }]);
            }
            if selected {
                merge(&mut wanted, json!({ "spec": { "nodeSelector": { "even": "true" } } }));
            }
            let info = Arc::new(pod(&format!("p{i}"), wanted));
            match cycle.run(cache.snapshot(), &info) {
                Ok(placement) => {
                    let at = cache.snapshot().position(&placement.node).unwrap();
                    prop_assert!(!selected || at.is_multiple_of(2));
                    cache.assume(info, placement.node);
                }
                Err(error) => prop_assert_eq!(error.reasons.values().copied().max().unwrap_or(0) > 0, true),
            }
        }
        for i in 0..nodes {
            let view = cache.snapshot().node(i).unwrap();
            prop_assert!(view.requested.milli_cpu <= view.info.allocatable.milli_cpu);
            prop_assert!(view.requested.memory <= view.info.allocatable.memory);
            let mut ports: Vec<i32> = view.ports.iter().map(|p| p.port).collect();
            let held = ports.len();
            ports.sort_unstable();
            ports.dedup();
            prop_assert_eq!(ports.len(), held);
        }
    }

    /// Taking every pod off again leaves nothing counted.
    #[test]
    fn removal_undoes_placement(count in 1..30_usize) {
        let mut cache = cluster(vec![node("n", json!({}))]);
        let pods: Vec<_> = (0..count).map(|i| Arc::new(pod(&format!("p{i}"), requesting("10m", "1Mi")))).collect();
        pods.iter().for_each(|p| cache.assume(p.clone(), "n".into()));
        pods.iter().for_each(|p| cache.delete_pod(&p.key));
        let view = cache.snapshot().node(0).unwrap();
        prop_assert_eq!((view.requested.milli_cpu, view.scored.memory, view.pods.len()), (0, 0, 0));
    }
}
