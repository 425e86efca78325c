//! The newcomer's script: one command starts a cluster, and the unmodified `kubectl` runs a Deployment on real containers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use corvette_e2e::{Backend, Cluster, eventually, run};
use serde_json::Value;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples/web.yaml");
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_deployment_lives_through_everything_on_the_embedded_store() {
    script(Cluster::start(Backend::Embedded).unwrap());
}

#[test]
fn a_deployment_lives_through_everything_on_etcd() {
    script(Cluster::start(Backend::Etcd).unwrap());
}

fn script(mut cluster: Cluster) {
    apply_and_look(&cluster);
    change_and_undo(&cluster);
    survive_a_kill_in_the_middle(&mut cluster);
    delete_leaves_nothing(&mut cluster);
}

fn apply_and_look(cluster: &Cluster) {
    let applied = cluster.kubectl_words(&["apply", "-f", SAMPLES], None).success();
    for line in ["configmap/web created", "secret/web created", "service/web created", "deployment.apps/web created"] {
        assert!(applied.contains(line), "{applied}");
    }
    cluster.kubectl("rollout status deployment/web --timeout=90s").success();
    let wide = cluster.kubectl("get pods -l app=web -o wide").success();
    assert_eq!(
        wide.lines().filter(|l| l.contains("1/1") && l.contains("Running") && l.contains("node-1")).count(),
        3,
        "{wide}"
    );
    let described = cluster.kubectl("describe deployment web").success();
    for part in
        ["3 desired | 3 updated | 3 total | 3 available", "NewReplicaSetAvailable", "Scaled up replica set web-"]
    {
        assert!(described.contains(part), "{described}");
    }
    let pod = pods(cluster).remove(0).name;
    let described = cluster.kubectl_words(&["describe", "pod", &pod], None).success();
    for part in ["Successfully assigned default/web-", "Created", "Started", "QoS Class:"] {
        assert!(described.contains(part), "{described}");
    }
    let log = cluster.kubectl_words(&["logs", &pod], None).success();
    assert_eq!(log.lines().next(), Some(format!("hello from {pod}").as_str()));
    let said =
        cluster.kubectl_words(&["exec", &pod, "--", "sh", "-c", "echo $TOKEN; cat /www/index.html"], None).success();
    assert_eq!(said, "change-me\n<h1>Hello from Corvette</h1>\n");
    let page = cluster.kubectl("exec deployment/web -- wget -q -O- http://web").success();
    assert_eq!(page, "<h1>Hello from Corvette</h1>\n", "the Service, by its name");
    let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    let token = cluster.kubectl_words(&["exec", &pod, "--", "cat", token], None).success();
    let review = format!("apiVersion: authentication.k8s.io/v1\nkind: TokenReview\nspec: {{token: {token}}}\n");
    let who = ["create", "-f", "-", "-o", "jsonpath={.status.user.username}"];
    let who = cluster.kubectl_words(&who, Some(&review)).success();
    assert_eq!(who, "system:serviceaccount:default:default");
    let piped = cluster.kubectl_words(&["exec", "-i", &pod, "--", "cat"], Some("through and back")).success();
    assert_eq!(piped, "through and back");
    let mut terminal = cluster.machine().command("script");
    terminal.env("KUBECONFIG", cluster.kubeconfig());
    let typed = format!("kubectl exec -it {pod} -- sh -c 'stty size; tty; echo done'");
    let seen = run(terminal.args(["-qec", &typed, "/dev/null"]), None).unwrap().success();
    assert!(seen.contains("/dev/pts/0") && seen.contains("done"), "{seen}");
    let failed = cluster.kubectl_words(&["exec", &pod, "--", "sh", "-c", "exit 3"], None);
    assert_eq!((failed.code, failed.err.contains("command terminated with exit code 3")), (3, true), "{failed:?}");
    let again = cluster.kubectl_words(&["apply", "-f", SAMPLES], None).success();
    assert!(again.lines().all(|l| l.ends_with("unchanged")), "{again}");
}

fn change_and_undo(cluster: &Cluster) {
    cluster.kubectl("scale deployment/web --replicas=4").success();
    cluster.kubectl("rollout status deployment/web --timeout=90s").success();
    assert_eq!(pods(cluster).len(), 4);
    cluster.kubectl("label deployment web tier=front").success();
    cluster.kubectl("annotate deployment web note=first").success();
    let mut edit = cluster.machine().command("kubectl");
    edit.env("KUBECONFIG", cluster.kubeconfig()).env("KUBE_EDITOR", "sed -i s/front/back/");
    let edited = run(edit.args(["edit", "deployment", "web"]), None).unwrap().success();
    assert!(edited.contains("deployment.apps/web edited"), "{edited}");
    assert_eq!(get(cluster, "deployment/web")["metadata"]["labels"]["tier"], "back");
    let before = template(cluster);

    cluster.kubectl("set env deployment/web GREETING=changed").success();
    // At least 75 % of the replicas stay ready while the update runs (maxUnavailable 25 % of 4).
    eventually("the update ends", MINUTE * 2, || {
        let deployment = get(cluster, "deployment/web");
        let status = &deployment["status"];
        let ready = status["readyReplicas"].as_i64().unwrap_or(0);
        assert!(ready >= 3, "{status}\n{}", cluster.kubectl("get pods,replicasets,events -o wide").out);
        let done = status["updatedReplicas"] == 4
            && status["replicas"] == 4
            && ready == 4
            && status["observedGeneration"] == deployment["metadata"]["generation"];
        if done { Ok(()) } else { Err(status.to_string()) }
    });
    let history = cluster.kubectl("rollout history deployment/web").success();
    assert!(history.contains("1 ") && history.contains("2 "), "{history}");
    cluster.kubectl("rollout undo deployment/web").success();
    cluster.kubectl("rollout status deployment/web --timeout=90s").success();
    assert_eq!(template(cluster), before);
}

fn survive_a_kill_in_the_middle(cluster: &mut Cluster) {
    eventually("old pods are gone", MINUTE, || {
        let found = pods(cluster);
        if found.len() == 4 { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let before = pods(cluster);
    cluster.kill();
    cluster.up().unwrap();
    eventually("the same pods and containers are there", MINUTE, || {
        let now = pods(cluster);
        if now == before { Ok(()) } else { Err(format!("{now:?} instead of {before:?}")) }
    });
    let wide = cluster.kubectl("get pods -l app=web").success();
    assert_eq!(wide.lines().filter(|l| l.contains("1/1") && l.contains("Running")).count(), 4, "{wide}");

    cluster.kubectl("set env deployment/web GREETING=during").success();
    cluster.kill();
    cluster.up().unwrap();
    cluster.kubectl("rollout status deployment/web --timeout=90s").success();
    eventually("every pod is of the new template and never restarted", MINUTE, || {
        let now = pods(cluster);
        let fine = now.len() == 4 && now.iter().all(|p| p.restarts == 0 && !before.iter().any(|b| b.uid == p.uid));
        if fine { Ok(()) } else { Err(format!("{now:?}")) }
    });
}

fn delete_leaves_nothing(cluster: &mut Cluster) {
    cluster.kubectl_words(&["delete", "-f", SAMPLES, "--timeout=90s"], None).success();
    eventually("no pod is left", MINUTE * 2, || {
        let left = cluster.kubectl("get pods,replicasets,endpointslices -l app=web -o name").success();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    let volumes = cluster.data_dir().join("kubelet/pods");
    eventually("no volume is left", MINUTE, || {
        let left: Vec<_> = std::fs::read_dir(&volumes).into_iter().flatten().flatten().map(|e| e.path()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    let dir = cluster.data_dir();
    cluster.down().unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let left: Vec<&str> = mounts.lines().filter(|l| l.contains(dir.to_str().unwrap())).collect();
    assert!(left.is_empty(), "{left:#?}");
    let links =
        String::from_utf8(cluster.machine().command("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap();
    assert_eq!(links.lines().count(), 2, "only loopback and the machine's own bridge: {links}");
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pod {
    name: String,
    uid: String,
    container: String,
    restarts: i64,
}

/// The pods that are not on their way out, in order of their names.
fn pods(cluster: &Cluster) -> Vec<Pod> {
    let list = get(cluster, "pods -l app=web");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alive = list["items"].as_array().unwrap().iter().filter(|p| p["metadata"]["deletionTimestamp"].is_null());
    let mut found: Vec<Pod> = alive
        .map(|p| Pod {
            name: text(&p["metadata"]["name"]),
            uid: text(&p["metadata"]["uid"]),
            container: text(&p["status"]["containerStatuses"][0]["containerID"]),
            restarts: p["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap_or(0),
        })
        .collect();
    found.sort();
    found
}

fn template(cluster: &Cluster) -> Value {
    get(cluster, "deployment/web")["spec"]["template"].clone()
}

fn get(cluster: &Cluster, what: &str) -> Value {
    serde_json::from_str(&cluster.kubectl(&format!("get {what} -o json")).success()).unwrap()
}
