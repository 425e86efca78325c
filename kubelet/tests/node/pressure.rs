//! What the node does when it, or a pod's share of it, runs out; and when the runtime is killed.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use corvette_kubelet::logs::rotate::Policy;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::views::{container, id, is_ready, phase, shell, with};
use crate::support::{self, Node};

const SLEEP: &str = "trap 'exit 0' TERM; sleep 100000 & wait";

fn failed(pod: Option<&Value>) -> bool {
    phase(pod) == "Failed"
}

fn ended(pod: Option<&Value>) -> bool {
    failed(pod) && container(pod, "main")["state"]["terminated"].is_object()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_fills_its_volume_is_evicted() {
    if !support::in_namespace("pressure::a_pod_that_fills_its_volume_is_evicted") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let script = format!("dd if=/dev/zero of=/scratch/file bs=1M count=3; {SLEEP}");
    let main = with(shell("main", &script), json!({"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}));
    let volumes = |limit: &str| json!([{"name": "scratch", "emptyDir": {"sizeLimit": limit}}]);
    let modest = node.pod("modest", json!({"containers": [main], "volumes": volumes("10Mi")}));
    node.api.until(&modest, is_ready).await;
    let full = node.pod("full", json!({"containers": [main], "volumes": volumes("2Mi")}));
    let pod = node.api.until(&full, ended).await.unwrap();
    let message = "Usage of EmptyDir volume \"scratch\" exceeds the limit \"2Mi\". ";
    assert_eq!((&pod["status"]["reason"], &pod["status"]["message"]), (&json!("Evicted"), &json!(message)));
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    let disrupted = conditions.iter().find(|condition| condition["type"] == "DisruptionTarget").unwrap();
    assert_eq!((&disrupted["status"], &disrupted["reason"]), (&json!("True"), &json!("TerminationByKubelet")));
    assert!(is_ready(node.api.get(&modest).as_ref()), "the other pod keeps within its limit");
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_memory_is_reported_evicts_and_refuses() {
    if !support::in_namespace("pressure::short_memory_is_reported_evicts_and_refuses") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet_with(|config| config.eviction.memory = i64::MAX);
    let short = |object: Option<&Value>| {
        let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
        conditions.is_some_and(|all| {
            all.iter().any(|one| one["type"] == "MemoryPressure" && one["reason"] == "KubeletHasInsufficientMemory")
        })
    };
    node.api.until("/api/v1/nodes/node", short).await;
    let careless = node.pod("careless", json!({"containers": [shell("main", SLEEP)]}));
    let pod = node.api.until(&careless, failed).await.unwrap();
    assert_eq!(pod["status"]["message"], "Pod was rejected: The node had condition: [MemoryPressure]. ");
    let asking = with(shell("main", SLEEP), json!({"resources": {"requests": {"memory": "1Mi"}}}));
    let asking = node.pod("asking", json!({"containers": [asking]}));
    let pod = node.api.until(&asking, ended).await.unwrap();
    assert_eq!(pod["status"]["reason"], "Evicted");
    let message = pod["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("The node was low on resource: memory. Threshold quantity: "), "{message}");
    kubelet.kill().await;
}

/// The rotated logs of a container and the current one, oldest first.
fn logs(dir: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    // The current log has the shortest name and comes last.
    if !found.is_empty() {
        found.rotate_left(1);
    }
    found
}

fn lines(path: &PathBuf) -> Vec<u64> {
    let mut text = String::new();
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        (&file).read_to_string(&mut text).unwrap();
    }
    text.lines().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_rotated_without_losing_a_line() {
    if !support::in_namespace("pressure::logs_are_rotated_without_losing_a_line") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet_with(|config| config.logs = Policy { max_bytes: 1000, max_files: 4 });
    let writer = shell("main", "i=0; while true; do i=$((i + 1)); echo $i; sleep 0.05; done");
    let path = node.pod("writer", json!({"containers": [writer]}));
    let pod = node.api.until(&path, is_ready).await.unwrap();
    let name = format!("default_writer_{}", pod["metadata"]["uid"].as_str().unwrap());
    let dir = node.dir.path().join("logs").join(name).join("main");
    let rotated = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        while logs(dir.clone()).len() < 3 {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), rotated).await.expect("logs are rotated");
    kubelet.kill().await;
    let files = logs(dir);
    assert!(files.iter().any(|path| path.extension().is_some_and(|extension| extension == "gz")), "{files:?}");
    let all: Vec<u64> = files.iter().flat_map(lines).collect();
    let expected: Vec<u64> = (1..=all.len() as u64).collect();
    assert_eq!(all, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_outlive_a_killed_runtime() {
    if !support::in_namespace("pressure::pods_outlive_a_killed_runtime") {
        return;
    }
    let mut node = Node::start().await;
    let kubelet = node.kubelet_with(|config| config.runtime_grace = Duration::ZERO);
    let path = node.pod("stays", json!({"containers": [shell("main", SLEEP)]}));
    let before = node.api.until(&path, is_ready).await;
    // It hangs, and then it is gone.
    node.stop_runtime();
    let down = |object: Option<&Value>| {
        let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
        conditions.is_some_and(|all| {
            let says = |one: &Value| one["message"].as_str().is_some_and(|text| text.contains("runtime is down"));
            all.iter().any(|one| one["type"] == "Ready" && one["status"] == "False" && says(one))
        })
    };
    node.api.until("/api/v1/nodes/node", down).await;
    node.kill_runtime();
    // Asked for while nobody answers, and done once somebody does.
    let late = node.pod("late", json!({"containers": [shell("main", SLEEP)]}));
    node.start_runtime().await;
    node.api.until(&late, is_ready).await;
    let after = node.api.get(&path);
    assert_eq!(id(after.as_ref(), "main"), id(before.as_ref(), "main"));
    assert_eq!(container(after.as_ref(), "main")["restartCount"], 0);
    assert_eq!(node.exec(&path, "main", "echo alive").await, "alive\n");

    // What ends after that is seen: the new runtime tells of it.
    node.exec(&late, "main", "kill 1").await;
    node.api.until(&late, |pod| container(pod, "main")["restartCount"] == 1).await;
    kubelet.kill().await;
}
