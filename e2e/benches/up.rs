//! `cargo xtask bench up`: from an empty data directory to a running pod, and memory at rest.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

#[expect(dead_code, reason = "this benchmark uses the memory figure alone")]
mod load;

use std::time::{Duration, Instant};

use anyhow::Result;
use corvette_e2e::{Backend, Cluster};
use load::resident_mib;

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"first"},"spec":{"terminationGracePeriodSeconds":0,
    "containers":[{"name":"main","image":"corvette.local/busybox:1","command":["sleep","3600"]}]}}"#;

fn main() -> Result<()> {
    println!("{:<40} {:>10}", "from start, empty data directory", "ms");
    let started = Instant::now();
    let cluster = Cluster::start(Backend::Embedded)?;
    for line in cluster.said() {
        println!("  {line}");
    }
    row("start to `ready` (node Ready)", started.elapsed());
    let applied = Instant::now();
    cluster.kubectl_input("apply -f -", POD).success();
    let running = cluster.kubectl("wait --for=jsonpath={.status.phase}=Running pod/first --timeout=60s");
    running.success();
    row("kubectl apply to Running (with kubectl)", applied.elapsed());
    row("scheduled to started, by the pod's own times", own_times(&cluster));
    cluster.kubectl("delete pod first --wait=true").success();
    println!("{:<40} {:>6} MiB", "resident, idle", resident_mib(cluster.pid())?);
    Ok(())
}

fn row(what: &str, took: Duration) {
    println!("{what:<40} {:>10.0}", took.as_secs_f64() * 1e3);
}

/// Between the PodScheduled condition and the start of the container; whole seconds, as the API has them.
fn own_times(cluster: &Cluster) -> Duration {
    let pod: serde_json::Value = serde_json::from_str(&cluster.kubectl("get pod first -o json").success()).unwrap();
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    let time = |value: &serde_json::Value| value.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok()).unwrap();
    let scheduled =
        conditions.iter().find(|c| c["type"] == "PodScheduled").map(|c| time(&c["lastTransitionTime"])).unwrap();
    let started = time(&pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]);
    Duration::try_from(started - scheduled).unwrap_or_default()
}
