//! `/stats/summary`: what node, pods and containers use (`staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1 @ v1.36`).

use std::collections::BTreeMap;

use corvette_proto::cri::{ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage, UInt64Value};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::reply::{self, Refusal, Reply};
use super::routes::Call;
use crate::pods::Lookup;
use crate::pods::labels::{POD_NAME, POD_NAMESPACE, POD_UID};

/// Measures now.
pub(super) async fn summary(call: &Call) -> Result<Reply, Refusal> {
    let stats = call.server.runtime.list_container_stats().await?;
    let now = Timestamp::now();
    let mut node = Map::new();
    node.insert("nodeName".to_owned(), json!(call.server.node_name));
    node.insert("memory".to_owned(), node_memory(now));
    node.insert("cpu".to_owned(), node_cpu(now));
    let pods = pods(stats, call.server.lookup.as_ref());
    Ok(reply::json(&json!({ "node": node, "pods": pods })))
}

/// Groups containers by their pod.
fn pods(stats: Vec<ContainerStats>, lookup: &dyn Lookup) -> Vec<Value> {
    let mut by_pod: BTreeMap<[String; 3], Vec<Value>> = BTreeMap::new();
    for stat in stats {
        let Some(attributes) = &stat.attributes else { continue };
        let label = |name: &str| attributes.labels.get(name).cloned().unwrap_or_default();
        let pod = [label(POD_NAMESPACE), label(POD_NAME), label(POD_UID)];
        by_pod.entry(pod).or_default().push(container(&stat));
    }
    let pods = by_pod.into_iter().map(|([namespace, name, uid], containers)| {
        let start = lookup.pod(&namespace, &name).and_then(|pod| pod.status.as_ref()?.start_time.clone());
        let mut pod =
            json!({ "podRef": { "name": name, "namespace": namespace, "uid": uid }, "containers": containers });
        if let (Some(start), Some(pod)) = (start, pod.as_object_mut()) {
            pod.insert("startTime".to_owned(), json!(start));
        }
        pod
    });
    pods.collect()
}

fn container(stat: &ContainerStats) -> Value {
    let name = stat.attributes.as_ref().and_then(|a| a.metadata.as_ref()).map(|m| m.name.clone()).unwrap_or_default();
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    if let Some(usage) = &stat.cpu {
        out.insert("cpu".to_owned(), cpu(usage));
    }
    if let Some(usage) = &stat.memory {
        out.insert("memory".to_owned(), memory(usage));
    }
    if let Some(usage) = &stat.writable_layer {
        out.insert("rootfs".to_owned(), filesystem(usage));
    }
    Value::Object(out)
}

fn cpu(usage: &CpuUsage) -> Value {
    let mut out = object(usage.timestamp);
    put(&mut out, "usageCoreNanoSeconds", usage.usage_core_nano_seconds);
    put(&mut out, "usageNanoCores", usage.usage_nano_cores);
    Value::Object(out)
}

fn memory(usage: &MemoryUsage) -> Value {
    let mut out = object(usage.timestamp);
    put(&mut out, "workingSetBytes", usage.working_set_bytes);
    put(&mut out, "availableBytes", usage.available_bytes);
    put(&mut out, "usageBytes", usage.usage_bytes);
    put(&mut out, "rssBytes", usage.rss_bytes);
    put(&mut out, "pageFaults", usage.page_faults);
    put(&mut out, "majorPageFaults", usage.major_page_faults);
    Value::Object(out)
}

fn filesystem(usage: &FilesystemUsage) -> Value {
    let mut out = object(usage.timestamp);
    put(&mut out, "usedBytes", usage.used_bytes);
    put(&mut out, "inodesUsed", usage.inodes_used);
    Value::Object(out)
}

/// An object with its time; `nanoseconds` since the epoch.
fn object(nanoseconds: i64) -> Map<String, Value> {
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or_default();
    Map::from_iter([("time".to_owned(), json!(format!("{time:.0}")))])
}

fn put(out: &mut Map<String, Value>, name: &str, value: Option<UInt64Value>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), json!(value.value));
    }
}

/// Memory of the machine, from /proc/meminfo.
pub(super) fn node_memory(now: Timestamp) -> Value {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let bytes = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default();
        kilobytes.saturating_mul(1024)
    };
    let (total, free, available) = (bytes("MemTotal"), bytes("MemFree"), bytes("MemAvailable"));
    json!({
        "time": format!("{now:.0}"),
        "availableBytes": available,
        "usageBytes": total.saturating_sub(free),
        "workingSetBytes": total.saturating_sub(available),
        "rssBytes": bytes("AnonPages"),
    })
}

/// Processor time of the machine since its start, from /proc/stat (hundredths of a second).
pub(super) fn node_cpu(now: Timestamp) -> Value {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    let busy: u64 = numbers.iter().enumerate().filter(|(i, _)| matches!(i, 0..=2 | 5..=7)).map(|(_, n)| n).sum();
    json!({ "time": format!("{now:.0}"), "usageCoreNanoSeconds": busy.saturating_mul(10_000_000) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_uses_something() {
        assert!(node_memory(Timestamp::UNIX_EPOCH)["workingSetBytes"].as_u64().unwrap() > 0);
        assert!(node_cpu(Timestamp::UNIX_EPOCH)["usageCoreNanoSeconds"].as_u64().unwrap() > 0);
        assert_eq!(node_cpu(Timestamp::UNIX_EPOCH)["time"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn absent_numbers_are_left_out() {
        let usage = MemoryUsage { working_set_bytes: Some(UInt64Value { value: 7 }), ..Default::default() };
        assert_eq!(memory(&usage), json!({ "time": "1970-01-01T00:00:00Z", "workingSetBytes": 7 }));
    }
}
