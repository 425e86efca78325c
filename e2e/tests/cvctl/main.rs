//! `cvctl` beside the real `kubectl` on the same cluster: same output, same errors, same exit codes, and both can apply one object.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod reads;
mod terminal;
mod writes;

use std::time::Duration;

use corvette_e2e::{Backend, Cluster, Output};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples/web.yaml");

#[test]
fn cvctl_speaks_as_kubectl() {
    let cluster = Cluster::start(Backend::Embedded).unwrap();
    applied_by_either(&cluster);
    cluster.cvctl(&["rollout", "status", "deployment/web", "--timeout=90s"], None).success();
    let pod = cluster.cvctl(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"], None);
    let pod = pod.success();
    for line in reads::LINES.iter().copied().flatten() {
        same(&cluster, &line.replace("POD", &pod));
    }
    terminal::are_told_from_pipes(&cluster, &pod);
    writes::say_the_same(&cluster);
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
    let line = &line.replace("SAMPLES", SAMPLES);
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Every look takes a while by itself: this is twenty seconds at most.
    corvette_e2e::eventually(line, Duration::from_secs(5), || {
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| told(cluster.kubectl_words(&words, None)));
            let ours = told(cluster.cvctl(&words, None));
            (theirs.join().unwrap(), ours)
        });
        if theirs == ours { Ok(()) } else { Err(format!("\n--- kubectl\n{theirs}\n--- cvctl\n{ours}")) }
    });
}

/// The words of a line, which are parted by blanks; a no-break space is a blank within one.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace('\u{a0}', " ")).collect()
}

/// Everything a tool said, without what differs for a reason: its own name, log lines of its libraries, the field that kubectl 1.32
/// shows as a Go pointer, and how some builds of kubectl begin and end what is wrong with a command line.
fn told(output: Output) -> String {
    let logged = |line: &&str| line.starts_with("E0") || line.starts_with("E1") || line.contains("\"Unhandled Error\"");
    let lines = output.out.lines().chain(output.err.trim_end().lines()).filter(|line| !logged(line)).map(|line| {
        let line = line.replace("kubectl", "cvctl");
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["ConfigMapOptional:", "<nil>"] | ["Optional:", "false"] => "Optional: false".to_owned(),
            ["Error:", ..] => line.replacen("Error:", "error:", 1),
            _ => line,
        }
    });
    [format!("exit {}", output.code)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}
