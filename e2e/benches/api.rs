//! `cargo xtask bench api`: the API server of a whole running cluster under load, over TLS, on the embedded store. `etcd` as an
//! argument puts it on a real etcd. Rates are requests per second; CPU is the whole process's, per request. Of watches, rates are events
//! per second over all connections, and the latency is from the sending of the write to the event.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

mod load;

use std::sync::Arc;

use anyhow::Result;
use corvette_e2e::{Backend, Cluster};
use load::{Call, Measured, Target, resident_mib};
use serde_json::{Value, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const STORED_PODS: usize = 1000;

fn main() -> Result<()> {
    let backend = if std::env::args().any(|a| a == "etcd") { Backend::Etcd } else { Backend::Embedded };
    let cluster = Cluster::start(backend)?;
    cluster.machine().enter()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&cluster))
}

async fn measure(cluster: &Cluster) -> Result<()> {
    let (pid, target) = (cluster.pid(), Arc::new(Target::from_kubeconfig(&cluster.kubeconfig())?));
    println!("resident, idle: {} MiB", resident_mib(pid)?);
    println!("{:<34} {:>5} {:>9} {:>10} {:>10} {:>9}", "work", "conns", "per s", "p50 ms", "p99 ms", "CPU ms");
    let mut connection = target.connect().await?;
    for i in 0..64 {
        target.send(&mut connection, &Call::write("POST", PODS, JSON, &pod(&format!("big-{i}"), 8 * 1024))).await?;
    }
    for workers in [1, 16, 64] {
        let total = if workers == 1 { 500 } else { 4000 };
        let run = |name: &'static str, total: usize, make: fn(usize, usize) -> Call| {
            let target = target.clone();
            async move {
                print(name, workers, &target.run(pid, workers, total, move |i| make(workers, i)).await?);
                anyhow::Ok(())
            }
        };
        run("create ConfigMap, 1 KB", total, |w, i| Call::write("POST", CONFIG_MAPS, JSON, &config_map("bench", w, i)))
            .await?;
        run("get ConfigMap", total * 2, |w, i| Call::get(format!("{CONFIG_MAPS}/bench-{w}-{}", i % 500))).await?;
        run("merge-patch ConfigMap", total, |w, i| {
            let patch = json!({ "data": { "changed": i.to_string() } });
            Call::write("PATCH", format!("{CONFIG_MAPS}/bench-{w}-{}", i % 500), "application/merge-patch+json", &patch)
        })
        .await?;
        run("create Pod", STORED_PODS / 3, |w, i| Call::write("POST", PODS, JSON, &pod(&format!("bench-{w}-{i}"), 0)))
            .await?;
        run("strategic-patch Pod of 10 KB", total, |_, i| {
            let patch = json!({ "metadata": { "annotations": { "changed": i.to_string() } } });
            Call::write("PATCH", format!("{PODS}/big-{}", i % 64), "application/strategic-merge-patch+json", &patch)
        })
        .await?;
        run("list pods, limit=500", total / 50, |_, _| Call::get(format!("{PODS}?limit=500"))).await?;
        let make = |i| Call::write("POST", CONFIG_MAPS, JSON, &config_map("watched", workers, i));
        print("watch ConfigMaps, event", workers, &target.watch(pid, workers, 500, CONFIG_MAPS, make).await?);
    }
    println!("resident, {STORED_PODS} pods stored: {} MiB", resident_mib(pid)?);
    Ok(())
}

const JSON: &str = "application/json";

fn print(name: &str, connections: usize, measured: &Measured) {
    let ms = |d: std::time::Duration| d.as_secs_f64() * 1e3;
    let Measured { rate, p50, p99, cpu } = measured;
    println!("{name:<34} {connections:>5} {rate:>9.0} {:>10.2} {:>10.2} {:>9.3}", ms(*p50), ms(*p99), cpu * 1e3);
}

fn config_map(name: &str, workers: usize, i: usize) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("{name}-{workers}-{i}") }, "data": { "text": "x".repeat(900) } })
}

/// A pod that no node takes, with `padding` bytes of annotations.
fn pod(name: &str, padding: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "annotations": { "padding": "x".repeat(padding) } },
        "spec": {
            "nodeSelector": { "bench": "none" },
            "containers": [{
                "name": "main", "image": "corvette.local/busybox:1", "command": ["sleep", "3600"],
                "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } }
            }]
        }
    })
}
