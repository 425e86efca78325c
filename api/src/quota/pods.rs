//! What pods use.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Amounts, ONE, add};
use crate::kinds::common::values::list;
use crate::kinds::podspec::resources::{self, is_extended, is_huge_page, is_native, is_pod_level, totals};
use crate::{meta, time};

/// Names of what quotas limit of pods, beside extended resources and huge pages.
const NAMES: [&str; 10] = [
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// Names that every container must specify when a quota limits them.
const EXPLICIT: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Says whether pods use what `name` limits.
pub fn uses(name: &str) -> bool {
    let requested = name.strip_prefix("requests.");
    NAMES.contains(&name)
        || is_huge_page(name)
        || requested.is_some_and(|resource| is_huge_page(resource) || !is_native(resource))
}

/// Adds what a pod uses that has not ended.
pub fn usage(pod: &Value, now: Timestamp, used: &mut Amounts) {
    if has_ended(pod, now) {
        return;
    }
    used.insert("pods".to_owned(), ONE);
    let Some(spec) = pod.get("spec") else { return };
    let (mut requests, mut limits) =
        (resources::aggregate(spec, "/resources/requests"), resources::aggregate(spec, "/resources/limits"));
    for (sum, pointer) in [(&mut requests, "/resources/requests"), (&mut limits, "/resources/limits")] {
        sum.extend(totals(spec, pointer).into_iter().filter(|(name, _)| is_pod_level(name)));
    }
    let overhead = totals(spec, "/overhead");
    add(&mut requests, &overhead);
    // Overhead counts only where there is a limit at all.
    let limited: Amounts = overhead.into_iter().filter(|(name, _)| limits.contains_key(name)).collect();
    add(&mut limits, &limited);
    used.extend(named(requests, limits));
}

/// Gives requests and limits the names that quotas use.
fn named(requests: Amounts, limits: Amounts) -> Amounts {
    let mut used = Amounts::new();
    for (name, amount) in requests {
        let compute = matches!(&*name, "cpu" | "memory" | "ephemeral-storage");
        if compute || is_huge_page(&name) || is_extended(&name) {
            used.insert(format!("requests.{name}"), amount);
        }
        if compute || is_huge_page(&name) {
            used.insert(name, amount);
        }
    }
    let compute = |name: &str| matches!(name, "cpu" | "memory" | "ephemeral-storage");
    let limits = limits.into_iter().filter(|(name, _)| compute(name));
    used.extend(limits.map(|(name, amount)| (format!("limits.{name}"), amount)));
    used
}

fn has_ended(pod: &Value, now: Timestamp) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    matches!(phase, Some("Succeeded" | "Failed")) || grace_is_over(pod, now).unwrap_or(false)
}

fn grace_is_over(pod: &Value, now: Timestamp) -> Option<bool> {
    let deleted = time::parse(meta::deletion_timestamp(pod)?).ok()?;
    let grace = SignedDuration::from_secs(meta::deletion_grace_period_seconds(pod)?);
    Some(now > deleted.saturating_add(grace).ok()?)
}

/// Says which containers of a pod do not specify what a quota with these names wants specified; `None` when all do.
pub fn unspecified<N: AsRef<str>>(names: &[N], pod: &Value) -> Option<String> {
    let explicit: BTreeSet<&str> = names.iter().map(AsRef::as_ref).filter(|name| EXPLICIT.contains(name)).collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in list(pod, "/spec/containers").iter().chain(list(pod, "/spec/initContainers")) {
        let has = named(totals(container, "/resources/requests"), totals(container, "/resources/limits"));
        for name in explicit.iter().filter(|name| !has.contains_key(**name)) {
            let container = container.get("name").and_then(Value::as_str).unwrap_or_default();
            missing.entry(name).or_default().insert(container);
        }
    }
    if missing.is_empty() {
        return None;
    }
    let lines = missing
        .into_iter()
        .map(|(name, containers)| format!("{name} for: {}", containers.into_iter().collect::<Vec<_>>().join(",")));
    Some(format!("must specify {}", lines.collect::<Vec<_>>().join("; ")))
}
