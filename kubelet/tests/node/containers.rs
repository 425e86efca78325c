//! What containers see and how they begin and end, on a real containerd.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::support::views::{container, is_ready, phase, shell, with};
use crate::support::{self, Node};
use corvette_kubelet::cri::proto::ContainerState;
use serde_json::{Value, json};

const SLEEP: &str = "trap 'exit 0' TERM; sleep 100000 & wait";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_see_their_volumes_users_and_names() {
    if !support::in_namespace("containers::containers_see_their_volumes_users_and_names") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let host = node.dir.path().join("host");
    fs::create_dir_all(&host).unwrap();
    fs::write(host.join("file"), "of the host").unwrap();
    symlink("/etc", host.join("out")).unwrap();
    node.api.put(
        "/api/v1/namespaces/default/secrets/keys",
        json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "keys", "namespace": "default"}, "data": {"a": "MQ==", "b": "Mg=="}}),
    );
    node.api.put(
        "/api/v1/namespaces/default/services/db",
        json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "db", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 5432}]}}),
    );
    let main = with(
        shell("main", SLEEP),
        json!({
            "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "URL", "value": "tcp://$(DB_SERVICE_HOST)"}],
            "args": ["ignored $(POD)"],
            "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}},
            "securityContext": {"runAsUser": 1000, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [
                {"name": "keys", "mountPath": "/keys"}, {"name": "keys", "mountPath": "/one-key", "subPath": "a"},
                {"name": "scratch", "mountPath": "/scratch"}, {"name": "scratch", "mountPath": "/sub", "subPathExpr": "dir/$(POD)"},
                {"name": "host", "mountPath": "/host", "readOnly": true}, {"name": "facts", "mountPath": "/facts"}
            ]
        }),
    );
    let spec = json!({
        "containers": [main],
        "hostname": "named", "subdomain": "group", "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["alias.example"]}],
        "dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"], "searches": ["example.test"], "options": [{"name": "ndots", "value": "3"}]},
        "securityContext": {"fsGroup": 2000, "supplementalGroups": [3000]},
        "volumes": [
            {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o440}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": host, "type": "Directory"}},
            {"name": "facts", "downwardAPI": {"items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "memory", "resourceFieldRef": {"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"}}
            ]}}
        ]
    });
    let path = node.pod("sees", spec);
    node.api.until(&path, is_ready).await;
    for (script, expected) in [
        ("id -u; id -G", "1000\n0 2000 3000\n"),
        ("cat /keys/a /keys/b /one-key", "121"),
        ("stat -L -c '%a %g' /keys/a", "440 2000\n"),
        ("stat -c '%a %g' /scratch", "2777 2000\n"),
        ("echo x > /sub/file && cat /scratch/dir/sees/file", "x\n"),
        ("cat /host/file", "of the host"),
        ("cat /facts/labels; echo; cat /facts/memory", "app=\"sees\"\n64"),
        ("hostname", "named\n"),
        ("head -1 /etc/hosts", "# Kubernetes-managed hosts file.\n"),
        ("grep -c 'named.group.default.svc.cluster.local' /etc/hosts", "1\n"),
        ("tail -1 /etc/hosts", "192.0.2.7\talias.example\n"),
        ("cat /etc/resolv.conf", "search example.test\nnameserver 192.0.2.53\noptions ndots:3\n"),
        ("echo $URL $DB_PORT", "tcp://10.96.0.7 tcp://10.96.0.7:5432\n"),
        (
            "grep NoNewPrivs /proc/self/status; grep CapEff /proc/self/status",
            "NoNewPrivs:\t1\nCapEff:\t0000000000000000\n",
        ),
        ("grep Seccomp: /proc/self/status", "Seccomp:\t2\n"),
    ] {
        assert_eq!(node.exec(&path, "main", script).await, expected, "{script}");
    }
    assert!(node.exec(&path, "main", "touch /file").await.contains("Read-only file system"));
    assert!(node.exec(&path, "main", "touch /host/x").await.contains("Read-only file system"));

    // Neither a link in the volume nor the path itself leads out of it.
    for (name, mount, words) in [
        ("linked", json!({"subPath": "out/passwd"}), "failed to prepare subPath"),
        ("dotted", json!({"subPathExpr": "$(UP)"}), "must not contain '..'"),
        ("rooted", json!({"subPathExpr": "$(ROOT)"}), "must not be an absolute path"),
    ] {
        let mount = with(json!({"name": "host", "mountPath": "/mount"}), mount);
        let env = json!([{"name": "UP", "value": "a/../.."}, {"name": "ROOT", "value": "/etc"}]);
        let main = with(shell("main", SLEEP), json!({"volumeMounts": [mount], "env": env}));
        let volumes = json!([{"name": "host", "hostPath": {"path": host}}]);
        let path = node.pod(name, json!({"containers": [main], "volumes": volumes}));
        let refused =
            |pod: Option<&Value>| container(pod, "main")["state"]["waiting"]["reason"] == "CreateContainerConfigError";
        let pod = node.api.until(&path, refused).await;
        let message = container(pod.as_ref(), "main")["state"]["waiting"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let main = with(shell("main", SLEEP), json!({"securityContext": {"runAsNonRoot": true}}));
    let path = node.pod("root", json!({"containers": [main]}));
    let pod = node.api.until(&path, |pod| container(pod, "main")["state"]["waiting"]["message"].is_string()).await;
    let message = container(pod.as_ref(), "main")["state"]["waiting"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("container has runAsNonRoot and image will run as root (pod: \"root_default("),
        "{message}"
    );
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_begin_and_end_in_order() {
    if !support::in_namespace("containers::containers_begin_and_end_in_order") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let host = node.dir.path().join("order");
    fs::create_dir_all(&host).unwrap();
    let log = host.join("log");
    let mount = json!([{"name": "order", "mountPath": "/order"}]);
    let noted = |name: &str| {
        let script = format!(
            "trap 'echo {name} ends >> /order/log; exit 0' TERM; echo {name} begins >> /order/log; sleep 100000 & wait"
        );
        with(shell(name, &script), json!({"volumeMounts": mount}))
    };
    let side = with(
        noted("side"),
        json!({"restartPolicy": "Always", "startupProbe": {"exec": {"command": ["grep", "-q", "side begins", "/order/log"]}, "periodSeconds": 1}}),
    );
    let first = with(shell("first", "echo first runs >> /order/log"), json!({"volumeMounts": mount}));
    let hooks = json!({
        "postStart": {"exec": {"command": ["sh", "-c", "echo hook begins >> /order/log"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo hook ends >> /order/log"]}}
    });
    let main = with(
        noted("main"),
        json!({"lifecycle": hooks, "readinessProbe": {"exec": {"command": ["grep", "-q", "hook begins", "/order/log"]}, "periodSeconds": 1}}),
    );
    let volumes = json!([{"name": "order", "hostPath": {"path": host}}]);
    let spec = json!({"initContainers": [side, first], "containers": [main], "volumes": volumes, "terminationGracePeriodSeconds": 20});
    let path = node.pod("order", spec);
    node.api.until(&path, is_ready).await;
    node.api.delete(&path, 20);
    node.api.until(&path, |pod| pod.is_none()).await;
    let lines = fs::read_to_string(&log).unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    // The container and its postStart hook begin at the same time.
    lines[2..4].sort_unstable();
    let expected = ["side begins", "first runs", "hook begins", "main begins", "hook ends", "main ends", "side ends"];
    assert_eq!(lines, expected);
    assert!(node.said("Killing", "Stopping container main"));

    // A container that takes too much memory is killed for it; one that does not listen is killed in the end.
    let eater = with(
        shell("main", "x=0123456789; while true; do x=$x$x; done"),
        json!({"resources": {"limits": {"memory": "16Mi"}}}),
    );
    let eater = node.pod("eater", json!({"restartPolicy": "Never", "containers": [eater]}));
    let pod = node.api.until(&eater, |pod| phase(pod) == "Failed").await;
    let end = &container(pod.as_ref(), "main")["state"]["terminated"];
    assert_eq!((&end["reason"], &end["exitCode"]), (&json!("OOMKilled"), &json!(137)));

    let failing = with(shell("main", SLEEP), json!({"lifecycle": {"postStart": {"exec": {"command": ["false"]}}}}));
    let failing = node.pod("failing", json!({"containers": [failing]}));
    node.api
        .until(&failing, |pod| container(pod, "main")["restartCount"].as_i64().is_some_and(|count| count > 0))
        .await;
    assert!(node.said("FailedPostStartHook", "PostStartHook failed"));
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_over_the_network_decide_readiness() {
    if !support::in_namespace("containers::probes_over_the_network_decide_readiness") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let serve = "mkdir /tmp/www; echo ok > /tmp/www/healthz; httpd -f -p 8080 -h /tmp/www";
    let ports = json!([{"containerPort": 8080, "name": "web"}]);
    let probed = |probe: Value| {
        with(shell("main", serve), json!({"ports": ports, "readinessProbe": with(probe, json!({"periodSeconds": 1}))}))
    };
    let http =
        node.pod("http", json!({"containers": [probed(json!({"httpGet": {"port": "web", "path": "/healthz"}}))]}));
    let tcp = node.pod("tcp", json!({"containers": [probed(json!({"tcpSocket": {"port": 8080}}))]}));
    let closed = node.pod("closed", json!({"containers": [probed(json!({"tcpSocket": {"port": 9}}))]}));
    let missing =
        node.pod("missing", json!({"containers": [probed(json!({"httpGet": {"port": 8080, "path": "/nowhere"}}))]}));
    node.api.until(&http, is_ready).await;
    node.api.until(&tcp, is_ready).await;
    while !node.said("Unhealthy", "Readiness probe failed: dial tcp 10.244.9.")
        || !node.said("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")
    {
        tokio::task::yield_now().await;
    }
    for path in [&closed, &missing] {
        let pod = node.api.get(path);
        assert!(!is_ready(pod.as_ref()) && container(pod.as_ref(), "main")["restartCount"] == 0);
    }
    assert_eq!(node.exec(&http, "main", "rm /tmp/www/healthz").await, "");
    node.api.until(&http, |pod| !is_ready(pod)).await;
    kubelet.kill().await;
}

/// Pods of an init and a main container that note each of their beginnings.
fn noting_pods(node: &Node) -> Vec<String> {
    let scratch = json!([{"name": "scratch", "emptyDir": {"medium": "Memory"}}]);
    let mounts = json!({"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]});
    let init = with(shell("init", "echo x >> /scratch/inits"), mounts.clone());
    let main = with(shell("main", &format!("echo x >> /scratch/starts; {SLEEP}")), mounts);
    let spec = json!({"initContainers": [init], "containers": [main], "volumes": scratch});
    (0..4).map(|index| node.pod(&format!("p{index}"), spec.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubelet_stopped_again_and_again_starts_each_container_once() {
    if !support::in_namespace("containers::a_kubelet_stopped_again_and_again_starts_each_container_once") {
        return;
    }
    let node = Node::start().await;
    let paths = noting_pods(&node);
    // Each life ends a little later than the one before, somewhere in the middle of the work.
    for life in 0..25_u64 {
        let kubelet = node.kubelet();
        tokio::time::sleep(Duration::from_millis(20 + life * 30)).await;
        kubelet.stop().await;
    }
    let kubelet = node.kubelet();
    for path in &paths {
        let pod = node.api.until(path, is_ready).await;
        assert_eq!(container(pod.as_ref(), "main")["restartCount"], 0);
        assert_eq!(node.exec(path, "main", "cat /scratch/starts /scratch/inits").await, "x\nx\n");
    }
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubelet_killed_again_and_again_counts_no_restart_and_forgets_nothing() {
    if !support::in_namespace("containers::a_kubelet_killed_again_and_again_counts_no_restart_and_forgets_nothing") {
        return;
    }
    let node = Node::start().await;
    let paths = noting_pods(&node);
    for life in 0..25_u64 {
        let kubelet = node.kubelet();
        tokio::time::sleep(Duration::from_millis(20 + life * 30)).await;
        kubelet.kill().await;
    }
    let kubelet = node.kubelet();
    let runtime = node.runtime();
    for path in &paths {
        let pod = node.api.until(path, is_ready).await;
        assert_eq!(container(pod.as_ref(), "main")["restartCount"], 0);
    }
    let containers = runtime.list_containers(Default::default()).await.unwrap();
    let running = containers.iter().filter(|one| one.state() == ContainerState::ContainerRunning).count();
    assert_eq!(running, paths.len());
    // Pods that the API forgot while no kubelet ran are ended by the next one.
    kubelet.kill().await;
    for path in &paths {
        node.api.delete(path, 0);
    }
    let kubelet = node.kubelet();
    while !node.traces().is_empty() || !runtime.list_pod_sandboxes(Default::default()).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_whose_start_was_broken_off_is_made_anew() {
    if !support::in_namespace("containers::a_container_whose_start_was_broken_off_is_made_anew") {
        return;
    }
    let node = Node::start().await;
    let runtime = node.runtime();
    let paths = ["kept", "deleted"].map(|name| node.pod(name, json!({"containers": [shell("main", SLEEP)]})));
    let state = async |id: &str| runtime.container_status(id).await.unwrap().status.unwrap().state();
    let hold = node.hold_creations();
    let kubelet = node.kubelet();
    let created = loop {
        let containers = runtime.list_containers(Default::default()).await.unwrap();
        if containers.len() == paths.len() && node.held() == paths.len() {
            break containers;
        }
        tokio::task::yield_now().await;
    };
    // Made but not started, and whoever would start them goes.
    kubelet.kill().await;
    drop(hold);
    for container in &created {
        while state(&container.id).await != ContainerState::ContainerExited {
            tokio::task::yield_now().await;
        }
        // Most often containerd then takes back what it did. Sometimes not; then there is a process that it does not
        // show and that it will not remove the container for.
        while !node.ctr(&["tasks", "start", "--detach", "--null-io", &container.id]) {
            tokio::task::yield_now().await;
        }
        assert_eq!(state(&container.id).await, ContainerState::ContainerExited);
    }
    node.api.delete(&paths[1], 0);
    let kubelet = node.kubelet();
    let pod = node.api.until(&paths[0], is_ready).await;
    assert_eq!(container(pod.as_ref(), "main")["restartCount"], 0);
    let deleted = || !node.traces().iter().any(|trace| trace.contains("deleted"));
    while runtime.list_containers(Default::default()).await.unwrap().len() > 1 || !deleted() {
        tokio::task::yield_now().await;
    }
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_pod_takes_changes_of_its_object() {
    if !support::in_namespace("containers::a_running_pod_takes_changes_of_its_object") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let mounts = json!({"volumeMounts": [{"name": "facts", "mountPath": "/facts"}]});
    let facts = json!({"name": "facts", "downwardAPI": {"items": [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    ]}});
    let path = node.pod("changes", json!({"containers": [with(shell("main", SLEEP), mounts)], "volumes": [facts]}));
    let mut pod = node.api.until(&path, is_ready).await.unwrap();

    pod["metadata"]["labels"]["app"] = json!("renamed");
    let debugger = with(
        shell("debugger", "ps | grep -q 'sleep 10000[0]' && echo seen > /dev/termination-log; exit 3"),
        json!({"targetContainerName": "main"}),
    );
    pod["spec"]["ephemeralContainers"] = json!([debugger]);
    node.api.put(&path, pod);
    let ended = |pod: Option<&Value>| container(pod, "debugger")["state"]["terminated"].is_object();
    let pod = node.api.until(&path, ended).await;
    let state = &container(pod.as_ref(), "debugger")["state"]["terminated"];
    assert_eq!((&state["exitCode"], &state["message"]), (&json!(3), &json!("seen\n")));
    assert!(is_ready(pod.as_ref()), "an ephemeral container that failed changes nothing else");
    assert_eq!(container(pod.as_ref(), "main")["restartCount"], 0);
    // Written well before the volumes are due to be looked at again.
    let shown = async {
        while node.exec(&path, "main", "cat /facts/labels").await != "app=\"renamed\"" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), shown).await.expect("labels are shown soon");
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_container_is_resized_in_place() {
    if !support::in_namespace("containers::a_running_container_is_resized_in_place") {
        return;
    }
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let sized = |memory: &str| json!({"requests": {"memory": memory}, "limits": {"memory": memory}});
    let main = with(shell("main", SLEEP), json!({"resources": sized("64Mi")}));
    let path = node.pod("resized", json!({"containers": [main]}));
    let mut pod = node.api.until(&path, is_ready).await.unwrap();
    let before = support::views::id(Some(&pod), "main");
    let limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
    assert_eq!(node.exec(&path, "main", limit).await, "67108864\n");
    let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
    let of_pod = || {
        let group = format!("cvk-{}/pod{uid}", std::process::id());
        let first = fs::read_to_string(format!("/sys/fs/cgroup/memory/{group}/memory.limit_in_bytes"));
        first.or_else(|_| fs::read_to_string(format!("/sys/fs/cgroup/{group}/memory.max"))).unwrap()
    };
    assert_eq!(of_pod(), "67108864\n", "the pod as a whole is limited too");

    pod["spec"]["containers"][0]["resources"] = sized("96Mi");
    pod["metadata"]["generation"] = json!(2);
    node.api.put(&path, pod);
    let has = |memory: &'static str| {
        move |pod: Option<&Value>| container(pod, "main")["resources"]["limits"]["memory"] == memory
    };
    let mut pod = node.api.until(&path, has("96Mi")).await.unwrap();
    assert_eq!(node.exec(&path, "main", limit).await, "100663296\n");
    assert_eq!(of_pod(), "100663296\n");
    assert_eq!(container(Some(&pod), "main")["allocatedResources"]["memory"], "96Mi");

    // What the node cannot give waits, and what runs goes on.
    pod["spec"]["containers"][0]["resources"] = sized("1Ei");
    node.api.put(&path, pod);
    let pending = |pod: Option<&Value>| {
        let conditions = pod.and_then(|pod| pod["status"]["conditions"].as_array());
        let pending = conditions.and_then(|all| all.iter().find(|one| one["type"] == "PodResizePending"));
        pending.map(|one| one["reason"].as_str().unwrap().to_owned())
    };
    let waits = |pod: Option<&Value>| pending(pod).as_deref() == Some("Infeasible");
    let mut pod = node.api.until(&path, waits).await.unwrap();
    assert!(has("96Mi")(Some(&pod)));
    pod["spec"]["containers"][0]["resources"] = sized("64Mi");
    node.api.put(&path, pod);
    let done = |pod: Option<&Value>| has("64Mi")(pod) && pending(pod).is_none();
    let pod = node.api.until(&path, done).await;
    assert_eq!(support::views::id(pod.as_ref(), "main"), before);
    assert_eq!(container(pod.as_ref(), "main")["restartCount"], 0);
    kubelet.kill().await;
}
