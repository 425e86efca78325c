//! `cvctl` beside the real `kubectl` on the same cluster: same output, same errors, same exit codes, and both can apply one object.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use corvette_e2e::{Backend, Cluster, Output};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples/web.yaml");

/// Command lines that read; `POD` is the name of a pod.
const READS: &[&str] = &[
    "get pods",
    "get pods -o wide",
    "get all",
    "get nodes",
    "get deploy,rs",
    "get svc,cm web",
    "get pod POD nope",
    "get pods nope",
    "get pods -A --no-headers",
    "get pods -l app=web -o name",
    "get pods --show-labels -L app,tier",
    "get pods --sort-by=.metadata.name",
    "get pods -n nowhere",
    "get pods --field-selector status.phase=Running -o name",
    "get deploy web -o json",
    "get svc web -o yaml",
    "get pods -o jsonpath={.items[*].metadata.name}",
    "get pods -o custom-columns=NAME:.metadata.name,NONE:.spec.nope",
    "get cm nope --ignore-not-found",
    "get foo",
    "get pods x -A",
    "get pods web/x",
    "get pods -o jsonpath=",
    "get pods --field-selector foo=bar",
    "api-resources",
    "api-resources -o name",
    "describe deploy web",
    "describe rs",
    "describe pod POD",
    "describe pods",
    "describe pod web",
    "describe pod nope",
    "describe node node-1",
    "describe svc web",
    "describe cm web",
    "describe secret web",
    "describe ns default",
    "describe sa default",
    "describe endpointslice",
    "describe foo",
    "rollout history deploy web",
    "rollout history deploy web --revision=1",
    "rollout history deploy web --revision=9",
    "rollout history cm/web",
    "rollout status deploy web",
    "rollout status deploy nope",
    "rollout status",
    "rollout restart cm/web",
    "rollout undo deploy/web --to-revision=9",
    "rollout bogus",
    "logs POD --tail=1",
    "logs nope",
    "logs POD -c nope",
    "exec POD -- cat /www/index.html",
    "exec POD -- false",
    "exec POD ls",
    "exec nope -- ls",
    "scale deploy nope --replicas=1",
    "scale deploy web --replicas=3 --current-replicas=9",
    "delete",
    "delete pod",
    "delete pod nope",
    "delete pod,svc nope",
    "delete deploy web --dry-run=server",
    "delete cm --all --dry-run=client",
    "config current-context",
    "config get-contexts",
    "config use-context nope",
    "config view",
    "get pods --context=nope",
    "get pods --kubeconfig=/nope",
    "get pods --server=https://127.0.0.1:1",
];

#[test]
fn cvctl_speaks_as_kubectl() {
    let cluster = Cluster::start(Backend::Embedded).unwrap();
    applied_by_either(&cluster);
    cluster.cvctl(&["rollout", "status", "deployment/web", "--timeout=90s"], None).success();
    let pod = cluster.cvctl(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"], None);
    let pod = pod.success();
    for line in READS {
        same(&cluster, &line.replace("POD", &pod));
    }
    rollouts(&cluster);
    cluster.cvctl(&["delete", "-f", SAMPLES, "--timeout=90s"], None).success();
}

/// What one tool applied is unchanged for the other.
fn applied_by_either(cluster: &Cluster) {
    let created = cluster.cvctl(&["apply", "-f", SAMPLES], None).success();
    assert!(created.lines().all(|line| line.ends_with(" created")), "{created}");
    for again in [
        cluster.kubectl_words(&["apply", "-f", SAMPLES], None).success(),
        cluster.cvctl(&["apply", "-f", SAMPLES], None).success(),
    ] {
        assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
    }
    let object = |value: &str| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"both\"}},\"data\":{{{value}}}}}"
        )
    };
    let (first, second) = (object(r#""a":"<1>","b":"2""#), object(r#""a":"<1>","c":"3""#));
    let kubectl = |input: &str| cluster.kubectl_words(&["apply", "-f", "-"], Some(input)).success();
    let cvctl = |input: &str| cluster.cvctl(&["apply", "-f", "-"], Some(input)).success();
    assert_eq!(kubectl(&first), "configmap/both created\n");
    assert_eq!(cvctl(&first), "configmap/both unchanged\n");
    assert_eq!(cvctl(&second), "configmap/both configured\n");
    assert_eq!(kubectl(&second), "configmap/both unchanged\n");
    let data = cluster.kubectl_words(&["get", "cm", "both", "-o", "jsonpath={.data}"], None).success();
    assert!(!data.contains("\"b\"") && data.contains("\"c\":\"3\""), "what is no longer applied is removed: {data}");
    assert_eq!(cluster.cvctl(&["delete", "cm", "both"], None).success(), "configmap \"both\" deleted\n");
}

fn rollouts(cluster: &Cluster) {
    let cvctl = |line: &str| cluster.cvctl(&line.split(' ').collect::<Vec<_>>(), None);
    assert_eq!(cvctl("rollout pause deploy/web").success(), "deployment.apps/web paused\n");
    same(cluster, "rollout pause deploy/web");
    assert_eq!(cvctl("rollout resume deploy/web").success(), "deployment.apps/web resumed\n");
    same(cluster, "rollout resume deploy/web");
    assert_eq!(cvctl("rollout restart deploy/web").success(), "deployment.apps/web restarted\n");
    assert!(cvctl("rollout status deploy/web --timeout=90s").success().ends_with("successfully rolled out\n"));
    same(cluster, "rollout history deploy/web");
    assert_eq!(cvctl("rollout undo deploy/web").success(), "deployment.apps/web rolled back\n");
    assert!(cvctl("rollout status deploy/web --timeout=90s").success().ends_with("successfully rolled out\n"));
    same(cluster, "rollout history deploy/web");
    assert_eq!(cvctl("scale deploy/web --replicas=1").success(), "deployment.apps/web scaled\n");
    assert!(cvctl("rollout status deploy/web --timeout=90s").success().ends_with("successfully rolled out\n"));
}

/// Runs both. Ages and probes' log lines change between the two runs, so it is tried again a few times.
#[track_caller]
fn same(cluster: &Cluster, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    corvette_e2e::eventually(line, Duration::from_secs(20), || {
        let (theirs, ours) = (told(cluster.kubectl_words(&words, None)), told(cluster.cvctl(&words, None)));
        if theirs == ours { Ok(()) } else { Err(format!("\n--- kubectl\n{theirs}\n--- cvctl\n{ours}")) }
    });
}

/// Everything a tool said, without what differs for a reason: its own name, log lines of its libraries, and the field that kubectl
/// 1.32 shows as a Go pointer.
fn told(output: Output) -> String {
    let mut lines = vec![format!("exit {}", output.code)];
    lines.extend(output.out.lines().chain(output.err.lines()).filter(|line| !line.starts_with("E1")).map(|line| {
        line.replace("kubectl", "cvctl").replace("ConfigMapOptional:        <nil>", "Optional:                 false")
    }));
    lines.retain(|line| !line.starts_with("E0") && !line.contains("\"Unhandled Error\""));
    lines.join("\n")
}
