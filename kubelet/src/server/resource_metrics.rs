//! `/metrics/resource`: what containers, pods and the node use, in Prometheus' text format
//! (`pkg/kubelet/metrics/collectors/resource_metrics.go @ v1.36`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corvette_proto::cri::{ContainerStats, UInt64Value};
use http::StatusCode;
use serde_json::Value;

use super::reply::{self, Refusal, Reply};
use super::routes::Call;
use super::stats;
use crate::pods::labels;

/// Name and help of a metric; all that end with `_total` are counters.
struct Metric(&'static str, &'static str);

const CONTAINER_CPU: Metric =
    Metric("container_cpu_usage_seconds_total", "Cumulative cpu time consumed by the container in core-seconds");
const CONTAINER_MEMORY: Metric =
    Metric("container_memory_working_set_bytes", "Current working set of the container in bytes");
const NODE_CPU: Metric =
    Metric("node_cpu_usage_seconds_total", "Cumulative cpu time consumed by the node in core-seconds");
const NODE_MEMORY: Metric = Metric("node_memory_working_set_bytes", "Current working set of the node in bytes");
const POD_CPU: Metric =
    Metric("pod_cpu_usage_seconds_total", "Cumulative cpu time consumed by the pod in core-seconds");
const POD_MEMORY: Metric = Metric("pod_memory_working_set_bytes", "Current working set of the pod in bytes");
const ERROR: Metric =
    Metric("resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise");

/// Seconds of processor time and bytes of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Usage {
    cpu: f64,
    memory: f64,
}

/// Measures now.
pub(super) async fn resource(call: &Call) -> Result<Reply, Refusal> {
    let stats = call.server.runtime.list_container_stats().await?;
    let text = render(&stats, node());
    Ok(reply::content(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

fn node() -> Usage {
    let now = jiff::Timestamp::now();
    let number = |value: Value, name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let cpu = number(stats::node_cpu(now), "usageCoreNanoSeconds") / 1e9;
    Usage { cpu, memory: number(stats::node_memory(now), "workingSetBytes") }
}

fn render(stats: &[ContainerStats], node: Usage) -> String {
    let mut containers: BTreeMap<[&str; 3], Usage> = BTreeMap::new();
    let mut pods: BTreeMap<[&str; 2], Usage> = BTreeMap::new();
    for stat in stats {
        let Some(attributes) = &stat.attributes else { continue };
        let label = |name: &str| attributes.labels.get(name).map(String::as_str).unwrap_or_default();
        let (namespace, pod) = (label(labels::POD_NAMESPACE), label(labels::POD_NAME));
        let usage = of(stat);
        containers.insert([label(labels::CONTAINER_NAME), namespace, pod], usage);
        let sum = pods.entry([namespace, pod]).or_default();
        (sum.cpu, sum.memory) = (sum.cpu + usage.cpu, sum.memory + usage.memory);
    }
    let mut out = String::new();
    let of_container = |[container, namespace, pod]: &[&str; 3]| {
        format!("{{container=\"{container}\",namespace=\"{namespace}\",pod=\"{pod}\"}}")
    };
    let of_pod = |[namespace, pod]: &[&str; 2]| format!("{{namespace=\"{namespace}\",pod=\"{pod}\"}}");
    put(&mut out, &CONTAINER_CPU, containers.iter().map(|(key, usage)| (of_container(key), usage.cpu)));
    put(&mut out, &CONTAINER_MEMORY, containers.iter().map(|(key, usage)| (of_container(key), usage.memory)));
    put(&mut out, &NODE_CPU, [(String::new(), node.cpu)]);
    put(&mut out, &NODE_MEMORY, [(String::new(), node.memory)]);
    put(&mut out, &POD_CPU, pods.iter().map(|(key, usage)| (of_pod(key), usage.cpu)));
    put(&mut out, &POD_MEMORY, pods.iter().map(|(key, usage)| (of_pod(key), usage.memory)));
    put(&mut out, &ERROR, [(String::new(), 0.0)]);
    out
}

fn of(stat: &ContainerStats) -> Usage {
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    let number = |value: Option<UInt64Value>| value.map_or(0.0, |value| value.value as f64);
    Usage {
        cpu: number(stat.cpu.as_ref().and_then(|cpu| cpu.usage_core_nano_seconds)) / 1e9,
        memory: number(stat.memory.as_ref().and_then(|memory| memory.working_set_bytes)),
    }
}

fn put(out: &mut String, metric: &Metric, samples: impl IntoIterator<Item = (String, f64)>) {
    let Metric(name, help) = metric;
    let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} [STABLE] {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use corvette_proto::cri::{ContainerAttributes, CpuUsage, MemoryUsage};

    use super::*;

    #[test]
    fn containers_are_summed_by_pod() {
        let stat = |name: &str| ContainerStats {
            attributes: Some(ContainerAttributes {
                labels: HashMap::from([
                    (labels::POD_NAMESPACE.to_owned(), "n".to_owned()),
                    (labels::POD_NAME.to_owned(), "p".to_owned()),
                    (labels::CONTAINER_NAME.to_owned(), name.to_owned()),
                ]),
                ..Default::default()
            }),
            cpu: Some(CpuUsage {
                usage_core_nano_seconds: Some(UInt64Value { value: 1_500_000_000 }),
                ..Default::default()
            }),
            memory: Some(MemoryUsage { working_set_bytes: Some(UInt64Value { value: 7 }), ..Default::default() }),
            ..Default::default()
        };
        let text = render(&[stat("a"), stat("b")], Usage { cpu: 9.0, memory: 1.0 });
        for line in [
            "# TYPE container_cpu_usage_seconds_total counter",
            "container_cpu_usage_seconds_total{container=\"a\",namespace=\"n\",pod=\"p\"} 1.5",
            "container_memory_working_set_bytes{container=\"b\",namespace=\"n\",pod=\"p\"} 7",
            "node_cpu_usage_seconds_total 9",
            "pod_cpu_usage_seconds_total{namespace=\"n\",pod=\"p\"} 3",
            "pod_memory_working_set_bytes{namespace=\"n\",pod=\"p\"} 14",
            "resource_scrape_error 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
