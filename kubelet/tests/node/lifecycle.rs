//! Pods on a real containerd.

use crate::support::views::{container, is_ready, phase, shell};
use crate::support::{self, Node};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_runs_is_adopted_and_leaves_nothing() {
    if !support::in_namespace("lifecycle::a_pod_runs_is_adopted_and_leaves_nothing") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let registered = node.api.until("/api/v1/nodes/node", |object| {
        let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
    });
    let registered = registered.await.unwrap();
    assert_eq!(registered["status"]["nodeInfo"]["kubeletVersion"], "v1.36.0+corvette");
    node.api.put(
        "/api/v1/namespaces/default/configmaps/settings",
        json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "settings", "namespace": "default"}, "data": {"greeting": "hello"}}),
    );
    let script =
        "trap 'exit 0' TERM; cat /config/greeting; echo; echo $GREETING $WHO > /scratch/out; sleep 100000 & wait";
    let mut main = shell("main", script);
    main["env"] = json!([
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "greeting"}}},
        {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ]);
    main["volumeMounts"] = json!([
        {"name": "config", "mountPath": "/config"}, {"name": "scratch", "mountPath": "/scratch"},
        {"name": "api", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}
    ]);
    main["readinessProbe"] =
        json!({"exec": {"command": ["grep", "-q", "hello web", "/scratch/out"]}, "periodSeconds": 1});
    let path = node.pod(
        "web",
        json!({
            "initContainers": [shell("first", "echo one > /dev/termination-log")],
            "containers": [main],
            "volumes": [
                {"name": "config", "configMap": {"name": "settings"}},
                {"name": "scratch", "emptyDir": {"medium": "Memory"}},
                {"name": "api", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}
                ]}}
            ]
        }),
    );
    let pod = node.api.until(&path, is_ready).await;
    let before = container(pod.as_ref(), "main").clone();
    assert_eq!(phase(pod.as_ref()), "Running");
    assert_eq!(container(pod.as_ref(), "first")["state"]["terminated"]["message"], "one\n");
    assert!(pod.as_ref().unwrap()["status"]["podIP"].as_str().unwrap().starts_with("10.244.9."));

    // A kubelet that is killed leaves the container running; the next one adopts it.
    kubelet.kill().await;
    let kubelet = node.kubelet();
    let changed = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "settings", "namespace": "default"}, "data": {"greeting": "changed"}});
    let id = before["containerID"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let runtime = node.runtime();
    let read = |file: &str| runtime.exec_sync(&id, vec!["cat".into(), file.into()], None);
    assert_eq!(read("/var/run/secrets/kubernetes.io/serviceaccount/token").await.unwrap().stdout, b"token-of-web");
    node.api.put("/api/v1/namespaces/default/configmaps/settings", changed);
    while read("/config/greeting").await.unwrap().stdout != b"changed" {
        tokio::task::yield_now().await;
    }
    let pod = node.api.get(&path);
    assert!(is_ready(pod.as_ref()));
    let after = container(pod.as_ref(), "main");
    assert_eq!((&after["containerID"], &after["restartCount"]), (&before["containerID"], &before["restartCount"]));

    node.api.delete(&path, 10);
    node.api.until(&path, |object| object.is_none()).await;
    while !node.traces().is_empty() || !runtime.list_pod_sandboxes(Default::default()).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(runtime.list_containers(Default::default()).await.unwrap().is_empty());
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubelet_has_started_when_it_has_reported_the_node_itself() {
    if !support::in_namespace("lifecycle::a_kubelet_has_started_when_it_has_reported_the_node_itself") {
        return;
    }
    let mut node = Node::start().await;
    let heartbeat = |node: &Node| {
        let object = node.api.get("/api/v1/nodes/node").unwrap();
        let conditions = object["status"]["conditions"].as_array().unwrap();
        conditions.iter().find(|one| one["type"] == "Ready").unwrap()["lastHeartbeatTime"].clone()
    };
    let told = async |node: &Node, reason: &str| {
        while !node.said(reason, &format!("Node node status is now: {reason}")) {
            tokio::task::yield_now().await;
        }
    };
    let mut kubelet = node.kubelet();
    kubelet.started.wait_for(|started| *started).await.unwrap();
    told(&node, "NodeHasSufficientMemory").await;
    told(&node, "NodeReady").await;
    kubelet.kill().await;
    // What an earlier kubelet said, long ago.
    let mut stale = node.api.get("/api/v1/nodes/node").unwrap();
    for condition in stale["status"]["conditions"].as_array_mut().unwrap() {
        condition["lastHeartbeatTime"] = json!("2020-01-01T00:00:00Z");
    }
    stale["spec"]["unschedulable"] = json!(true);
    node.api.put("/api/v1/nodes/node", stale);
    node.kill_runtime();
    let mut kubelet = node.kubelet();
    node.start_runtime().await;
    assert_eq!(heartbeat(&node), "2020-01-01T00:00:00Z");
    kubelet.started.wait_for(|started| *started).await.unwrap();
    assert_ne!(heartbeat(&node), "2020-01-01T00:00:00Z");
    told(&node, "NodeNotSchedulable").await;
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_shim_is_killed_gives_its_address_back() {
    if !support::in_namespace("lifecycle::a_pod_whose_shim_is_killed_gives_its_address_back") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let always = node.pod("always", json!({"containers": [shell("main", "sleep 100000")]}));
    let once = json!({"restartPolicy": "Never", "containers": [shell("main", "sleep 100000")]});
    let never = node.pod("never", once);
    node.api.until(&always, is_ready).await;
    node.api.until(&never, is_ready).await;
    let addresses = || {
        let entries = std::fs::read_dir(node.dir.path().join("ipam/test")).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("10.")).count()
    };
    assert_eq!(addresses(), 2);
    let kill_shims = async || {
        let mut killed = 0;
        for sandbox in node.runtime().list_pod_sandboxes(Default::default()).await.unwrap() {
            let shim = format!("containerd-shim-runc-v2.*{}", sandbox.id);
            let status = std::process::Command::new("pkill").args(["-9", "-f", &shim]).status().unwrap();
            killed += usize::from(status.success());
        }
        killed
    };
    assert_eq!(kill_shims().await, 2);
    node.api.until(&never, |pod| phase(pod) == "Failed").await;
    node.api.until(&always, |pod| is_ready(pod) && container(pod, "main")["restartCount"] == 1).await;
    let namespaces =
        || std::fs::read_dir(node.dir.path().join("state/io.containerd.grpc.v1.cri/netns")).unwrap().flatten();
    while addresses() != 1 || namespaces().count() != 1 {
        tokio::task::yield_now().await;
    }

    // As after the machine's end: the network namespace is gone with the shim.
    kubelet.kill().await;
    for namespace in namespaces() {
        let unmounted = std::process::Command::new("umount").arg(namespace.path()).status().unwrap();
        assert!(unmounted.success());
        let removed = std::fs::remove_file(namespace.path());
        assert!(removed.is_ok() || !namespace.path().exists(), "{removed:?}");
    }
    assert_eq!(kill_shims().await, 1);
    let kubelet = node.kubelet();
    node.api.until(&always, |pod| is_ready(pod) && container(pod, "main")["restartCount"] == 2).await;
    assert_eq!(addresses(), 1);
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_restart_back_off_and_end_as_their_policy_says() {
    if !support::in_namespace("lifecycle::containers_restart_back_off_and_end_as_their_policy_says") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let crash =
        node.pod("crash", json!({"containers": [shell("main", "echo last words > /dev/termination-log; exit 3")]}));
    let once =
        node.pod("once", json!({"restartPolicy": "Never", "containers": [shell("a", "exit 0"), shell("b", "exit 0")]}));
    let fail =
        node.pod("fail", json!({"restartPolicy": "Never", "containers": [shell("a", "echo to the log; exit 7")]}));
    let mut sick = shell("main", "sleep 100000");
    sick["livenessProbe"] = json!({"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1});
    let sick = node.pod("sick", json!({"containers": [sick]}));
    let mut nothing = shell("main", "");
    nothing["command"] = json!(["/no/such/program"]);
    let nothing = node.pod("nothing", json!({"restartPolicy": "Never", "containers": [nothing]}));
    let mut absent = shell("main", "");
    absent["image"] = json!("corvette.local/absent:1");
    absent["imagePullPolicy"] = json!("Never");
    let absent = node.pod("absent", json!({"containers": [absent]}));
    let mut misnamed = shell("main", "");
    misnamed["image"] = json!("NOT an image");
    let misnamed = node.pod("misnamed", json!({"containers": [misnamed]}));
    let mut unset = shell("main", "sleep 100000");
    unset["env"] = json!([{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "k"}}}]);
    let unset = node.pod("unset", json!({"containers": [unset]}));
    let late = node.pod("late", json!({"activeDeadlineSeconds": 1, "containers": [shell("main", "sleep 100000")]}));

    let pod = node.api.until(&once, |pod| phase(pod) == "Succeeded").await;
    assert_eq!(container(pod.as_ref(), "a")["state"]["terminated"]["reason"], "Completed");
    let pod = node.api.until(&fail, |pod| phase(pod) == "Failed").await;
    assert_eq!(container(pod.as_ref(), "a")["state"]["terminated"]["exitCode"], 7);
    let pod = node.api.until(&nothing, |pod| phase(pod) == "Failed").await;
    let end = &container(pod.as_ref(), "main")["state"]["terminated"];
    assert_eq!((&end["reason"], &end["exitCode"]), (&json!("StartError"), &json!(128)));
    while !node.said("Failed", "Error: failed to create containerd task") {
        tokio::task::yield_now().await;
    }

    let waiting = |reason: &'static str| {
        move |pod: Option<&Value>| container(pod, "main")["state"]["waiting"]["reason"] == reason
    };
    let pod = node.api.until(&crash, waiting("CrashLoopBackOff")).await;
    let status = container(pod.as_ref(), "main");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(status["lastState"]["terminated"]["message"], "last words\n");
    assert!(
        status["state"]["waiting"]["message"]
            .as_str()
            .unwrap()
            .starts_with("back-off 10s restarting failed container=main pod=crash_default(")
    );
    assert_eq!(phase(pod.as_ref()), "Running");
    node.api.until(&absent, waiting("ErrImageNeverPull")).await;
    node.api.until(&misnamed, waiting("InvalidImageName")).await;
    let pod = node.api.until(&unset, waiting("CreateContainerConfigError")).await;
    assert_eq!(container(pod.as_ref(), "main")["state"]["waiting"]["message"], "configmap \"later\" not found");
    let later = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "later", "namespace": "default"}, "data": {"k": "v"}});
    node.api.put("/api/v1/namespaces/default/configmaps/later", later);
    node.api.until(&unset, is_ready).await;

    let pod = node.api.until(&late, |pod| phase(pod) == "Failed").await;
    assert_eq!(pod.unwrap()["status"]["reason"], "DeadlineExceeded");
    node.api.until(&sick, |pod| container(pod, "main")["restartCount"].as_i64().is_some_and(|count| count > 0)).await;
    let events = node.api.list("/api/v1/namespaces/default/events");
    let said = |reason: &str, text: &str| {
        events
            .iter()
            .any(|event| event["reason"] == reason && event["message"].as_str().unwrap_or_default().contains(text))
    };
    assert!(said("Killing", "Container main failed liveness probe, will be restarted"));
    assert!(said("Unhealthy", "Liveness probe failed: "));
    assert!(said("BackOff", "Back-off restarting failed container main in pod crash_default("));
    kubelet.kill().await;
}
