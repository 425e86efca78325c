//! Cron jobs.

use serde_json::Value;

use super::super::related::Related;
use super::super::template::template;
use super::super::text::{Text, bool_or_unset, int_or_unset, line, or_none, selector, time};
use crate::value::{at, int, list, text};

/// Writes a cron job.
pub fn describe(out: &mut Text, cron: &Value, _: &Related) {
    out.name_and_namespace(cron);
    out.labels_and_annotations(cron);
    line!(out, 0, "Schedule:\t{}", text(cron, "/spec/schedule"));
    line!(out, 0, "Concurrency Policy:\t{}", text(cron, "/spec/concurrencyPolicy"));
    line!(out, 0, "Suspend:\t{}", bool_or_unset(cron, "/spec/suspend"));
    for (label, field) in [
        ("Successful Job History Limit", "/spec/successfulJobsHistoryLimit"),
        ("Failed Job History Limit", "/spec/failedJobsHistoryLimit"),
    ] {
        line!(out, 0, "{label}:\t{}", int_or_unset(cron, field));
    }
    match at(cron, "/spec/startingDeadlineSeconds") {
        Some(seconds) => line!(out, 0, "Starting Deadline Seconds:\t{seconds}s"),
        None => line!(out, 0, "Starting Deadline Seconds:\t<unset>"),
    }
    let job = cron.pointer("/spec/jobTemplate").unwrap_or(&Value::Null);
    match at(job, "/spec/selector") {
        Some(_) => line!(out, 0, "Selector:\t{}", selector(job, "/spec/selector")),
        None => line!(out, 0, "Selector:\t<unset>"),
    }
    line!(out, 0, "Parallelism:\t{}", int_or_unset(job, "/spec/parallelism"));
    line!(out, 0, "Completions:\t{}", int_or_unset(job, "/spec/completions"));
    if at(job, "/spec/activeDeadlineSeconds").is_some() {
        line!(out, 0, "Active Deadline Seconds:\t{}s", int(job, "/spec/activeDeadlineSeconds"));
    }
    template(out, job.pointer("/spec/template").unwrap_or(&Value::Null));
    match at(cron, "/status/lastScheduleTime") {
        Some(_) => line!(out, 0, "Last Schedule Time:\t{}", time(cron, "/status/lastScheduleTime")),
        None => line!(out, 0, "Last Schedule Time:\t<unset>"),
    }
    let active: Vec<&str> = list(cron, "/status/active").iter().map(|job| text(job, "/name")).collect();
    line!(out, 0, "Active Jobs:\t{}", or_none(active.join(", ")));
}
