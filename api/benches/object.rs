//! What an object costs: parsing, typed decoding, patches, selectors. Prints microseconds and ratios to plain `serde_json`.
//!
//! Run with `cargo bench -p corvette-api`. Absolute figures move from machine to machine: compare the ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use corvette_api::patch::{merge, strategic};
use corvette_api::{decode, labels, protobuf, quantity, schema};
use serde_json::{Value, json};

fn main() {
    let start = Instant::now();
    let pod_def = schema::of_kind("", "v1", "Pod").expect("the schema holds Pod");
    println!("{:<46} {:>9.1} µs", "schema table, first use", micros(start.elapsed()));

    let pod = pod();
    let body = serde_json::to_vec(&pod).expect("a value can be written");
    let patch = json!({"spec": {"containers": [{"name": "c3", "image": "registry.example/app:2", "env": [{"name": "NEW", "value": "1"}]}]}});
    let changed = strategic::apply(pod_def, pod.clone(), patch.clone()).expect("the patch fits");
    println!("pod of {} bytes", body.len());

    let base = measure(|| serde_json::from_slice::<Value>(&body).expect("the pod is JSON"));
    report("serde_json to Value", base, base);
    report("decode::json (with duplicate keys)", measure(|| decode::json(&body).expect("the pod is JSON")), base);
    report(
        "decode::json_as (with the schema)",
        measure(|| decode::json_as(pod_def, &body).expect("the pod fits")),
        base,
    );
    let mut checked = pod.clone();
    report(
        "decode::in_place (the schema alone)",
        measure(|| decode::in_place(pod_def, &mut checked).expect("the pod fits")),
        base,
    );
    report("clone", measure(|| pod.clone()), base);
    report("write", measure(|| serde_json::to_vec(&pod).expect("a value can be written")), base);
    let start = Instant::now();
    let message = protobuf::encode(&pod).expect("the pod has a message");
    println!("{:<46} {:>9.1} µs", "protobuf table, first use", micros(start.elapsed()));
    report("protobuf::decode", measure(|| protobuf::decode(&message, ("", "")).expect("the bytes are a pod")), base);
    report("protobuf::encode", measure(|| protobuf::encode(&pod).expect("the pod has a message")), base);
    report(
        "strategic::apply (with two clones)",
        measure(|| strategic::apply(pod_def, pod.clone(), patch.clone())),
        base,
    );
    report("strategic::diff", measure(|| strategic::diff(pod_def, &pod, &changed)), base);
    report("strategic::three_way", measure(|| strategic::three_way(pod_def, &pod, &changed, &pod)), base);
    let merge_patch = merge::diff(&pod, &changed);
    report(
        "merge::apply (with two clones)",
        measure(|| {
            let mut target = pod.clone();
            merge::apply(&mut target, merge_patch.clone());
            target
        }),
        base,
    );
    let selector = labels::Selector::parse("app=web,tier in (a,b),!canary").expect("the selector is right");
    report("labels::Selector::matches", measure(|| selector.matches(&corvette_api::meta::labels(&pod))), base);
    report("quantity parse and show", measure(|| quantity::Quantity::parse("1500Mi").map(|q| q.to_string())), base);
}

/// A pod of about 10 KB.
fn pod() -> Value {
    let env: Vec<Value> = (0..12)
        .map(|i| json!({"name": format!("VARIABLE_{i}"), "value": format!("value of the variable {i}")}))
        .collect();
    let mounts: Vec<Value> =
        (0..4).map(|i| json!({"name": format!("v{i}"), "mountPath": format!("/var/lib/data/{i}")})).collect();
    let containers: Vec<Value> = (0..6)
        .map(|i| {
            json!({"name": format!("c{i}"), "image": "registry.example/app:1", "command": ["/bin/app", "--verbose"], "env": env, "volumeMounts": mounts,
                "ports": [{"containerPort": 8080 + i, "protocol": "TCP"}], "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "250m", "memory": "512Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}})
        })
        .collect();
    let volumes: Vec<Value> = (0..4).map(|i| json!({"name": format!("v{i}"), "emptyDir": {}})).collect();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "default", "labels": {"app": "web", "tier": "a"}, "creationTimestamp": "2024-05-01T10:00:00Z", "uid": "u"},
        "spec": {"containers": containers, "volumes": volumes, "nodeName": "node-1", "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]},
        "status": {"phase": "Running", "podIP": "10.244.0.7", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2024-05-01T10:00:05Z"}]}})
}

/// Returns the median time of one run in batches.
fn measure<T>(mut work: impl FnMut() -> T) -> Duration {
    const BATCHES: usize = 15;
    let start = Instant::now();
    black_box(work());
    let once = start.elapsed().max(Duration::from_nanos(20));
    let runs =
        u32::try_from((Duration::from_millis(20).as_nanos() / once.as_nanos()).clamp(1, 1_000_000)).expect("clamped");
    let mut times: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..runs {
                black_box(work());
            }
            start.elapsed() / runs
        })
        .collect();
    times.sort();
    times.get(BATCHES / 2).copied().unwrap_or_default()
}

fn report(name: &str, time: Duration, base: Duration) {
    println!("{name:<46} {:>9.2} µs  {:>6.2}×", micros(time), time.as_secs_f64() / base.as_secs_f64());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
