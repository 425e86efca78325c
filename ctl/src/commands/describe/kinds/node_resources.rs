//! What the pods on a node ask for, and how much of the node that is.

use std::collections::BTreeMap;

use corvette_api::quantity::Quantity;
use jiff::Timestamp;
use serde_json::Value;

use super::super::text::{Text, line, since};
use crate::value::{entries, list, text};

type Amounts = BTreeMap<String, Quantity>;

/// Writes the pods of a node and the sum of their requests and limits.
pub fn describe(out: &mut Text, node: &Value, pods: &[Value], now: Timestamp) {
    let allocatable = match amounts(node, "/status/allocatable") {
        none if none.is_empty() => amounts(node, "/status/capacity"),
        some => some,
    };
    line!(out, 0, "Non-terminated Pods:\t({} in total)", pods.len());
    line!(out, 1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    line!(out, 1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for pod in pods {
        let (request, limit) = (of_pod(pod, "requests"), of_pod(pod, "limits"));
        let cells: Vec<String> = ["cpu", "memory"]
            .iter()
            .flat_map(|resource| [&request, &limit].map(|of| share(of, &allocatable, resource)))
            .collect();
        let age = since(pod, "/metadata/creationTimestamp", now);
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        line!(out, 1, "{namespace}\t{name}\t\t{}\t{age}", cells.join("\t"));
        add(&mut requests, request);
        add(&mut limits, limit);
    }
    line!(out, 0, "Allocated resources:");
    line!(out, 1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
    line!(out, 1, "Resource\tRequests\tLimits");
    line!(out, 1, "--------\t--------\t------");
    let huge = allocatable.keys().map(String::as_str).filter(|name| name.starts_with("hugepages-"));
    for resource in ["cpu", "memory", "ephemeral-storage"].into_iter().chain(huge) {
        let (request, limit) = (share(&requests, &allocatable, resource), share(&limits, &allocatable, resource));
        line!(out, 1, "{resource}\t{request}\t{limit}");
    }
    let extended = |name: &&String| {
        !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage" | "pods") && !name.starts_with("hugepages-")
    };
    for resource in allocatable.keys().filter(extended) {
        let amount = |of: &Amounts| of.get(resource).map_or_else(|| "0".to_owned(), Quantity::to_string);
        line!(out, 1, "{resource}\t{}\t{}", amount(&requests), amount(&limits));
    }
}

/// An amount and its share of what there is: `100m (2%)`.
fn share(amounts: &Amounts, all: &Amounts, resource: &str) -> String {
    let units = |quantity: &Quantity| if resource == "cpu" { quantity.millis() } else { quantity.value() };
    let part = amounts.get(resource).map(units).unwrap_or_default();
    let whole = all.get(resource).map(units).unwrap_or_default();
    let percent = if whole == 0 { 0 } else { i128::from(part) * 100 / i128::from(whole) };
    let amount = amounts.get(resource).map_or_else(|| "0".to_owned(), Quantity::to_string);
    format!("{amount} ({percent}%)")
}

fn amounts(of: &Value, pointer: &str) -> Amounts {
    entries(of, pointer).filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?))).collect()
}

fn add(sum: &mut Amounts, more: Amounts) {
    for (name, amount) in more {
        let before = sum.remove(&name);
        sum.insert(name, before.map_or(amount, |before| before + amount));
    }
}

fn at_least(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let larger = sum.get(name).is_none_or(|known| amount > known);
        if larger {
            sum.insert(name.clone(), *amount);
        }
    }
}

/// A pod's requests or limits: its containers together, or the largest moment of its start if that is more, plus overhead.
fn of_pod(pod: &Value, list_name: &str) -> Amounts {
    let pointer = format!("/resources/{list_name}");
    let mut sum = Amounts::new();
    for container in list(pod, "/spec/containers") {
        add(&mut sum, amounts(container, &pointer));
    }
    let (mut sidecars, mut start) = (Amounts::new(), Amounts::new());
    for container in list(pod, "/spec/initContainers") {
        let mut moment = amounts(container, &pointer);
        if text(container, "/restartPolicy") == "Always" {
            add(&mut sum, moment.clone());
            add(&mut sidecars, moment);
            at_least(&mut start, &sidecars);
        } else {
            add(&mut moment, sidecars.clone());
            at_least(&mut start, &moment);
        }
    }
    at_least(&mut sum, &start);
    at_least(&mut sum, &amounts(pod, &format!("/spec{pointer}")));
    let mut overhead = amounts(pod, "/spec/overhead");
    if list_name == "limits" {
        overhead.retain(|name, _| sum.get(name).is_some_and(|limit| limit.value() != 0));
    }
    add(&mut sum, overhead);
    sum
}
