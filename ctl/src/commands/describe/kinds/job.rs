//! Jobs.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::template;
use super::super::text::{Text, int_or_unset, line, or_none, selector, time};
use crate::value::{at, int, shown, text};
use corvette_api::time::HumanDuration;
use jiff::Timestamp;

/// Longest list of indexes that is shown whole, in bytes.
const INDEXES: usize = 50;

/// Writes a job.
pub fn describe(out: &mut Text, job: &Value, _: &Related) {
    out.name_and_namespace(job);
    line!(out, 0, "Selector:\t{}", selector(job, "/spec/selector"));
    out.labels_and_annotations(job);
    out.controlled_by(job);
    if at(job, "/spec/parallelism").is_some() {
        line!(out, 0, "Parallelism:\t{}", int(job, "/spec/parallelism"));
    }
    line!(out, 0, "Completions:\t{}", int_or_unset(job, "/spec/completions"));
    for (label, field) in [
        ("Completion Mode", "completionMode"),
        ("Suspend", "suspend"),
        ("Backoff Limit", "backoffLimit"),
        ("TTL Seconds After Finished", "ttlSecondsAfterFinished"),
    ] {
        if at(job, &format!("/spec/{field}")).is_some() {
            line!(out, 0, "{label}:\t{}", shown(job, &format!("/spec/{field}")));
        }
    }
    times(out, job);
    if at(job, "/spec/activeDeadlineSeconds").is_some() {
        line!(out, 0, "Active Deadline Seconds:\t{}s", int(job, "/spec/activeDeadlineSeconds"));
    }
    let ready = at(job, "/status/ready").map(|ready| format!(" ({ready} Ready)")).unwrap_or_default();
    let (active, succeeded, failed) =
        (int(job, "/status/active"), int(job, "/status/succeeded"), int(job, "/status/failed"));
    line!(out, 0, "Pods Statuses:\t{active} Active{ready} / {succeeded} Succeeded / {failed} Failed");
    if text(job, "/spec/completionMode") == "Indexed" {
        line!(out, 0, "Completed Indexes:\t{}", or_none(capped(text(job, "/status/completedIndexes"))));
    }
    template(out, job.pointer("/spec/template").unwrap_or(&Value::Null));
}

fn times(out: &mut Text, job: &Value) {
    for (label, pointer) in [("Start Time", "/status/startTime"), ("Completed At", "/status/completionTime")] {
        if at(job, pointer).is_some() {
            line!(out, 0, "{label}:\t{}", time(job, pointer));
        }
    }
    let parsed = |pointer: &str| text(job, pointer).parse::<Timestamp>().ok();
    if let (Some(start), Some(end)) = (parsed("/status/startTime"), parsed("/status/completionTime")) {
        line!(out, 0, "Duration:\t{}", HumanDuration(end.duration_since(start)));
    }
}

fn capped(indexes: &str) -> String {
    let comma = indexes.char_indices().find(|(at, c)| *at >= INDEXES && *c == ',').map(|(at, _)| at);
    match comma.and_then(|at| indexes.get(..=at)) {
        Some(head) => format!("{head}..."),
        None => indexes.to_owned(),
    }
}
