//! CronJob.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::job_validation::{self, Owner};
use super::schedule::Schedule;
use crate::field::{At, Errors};
use crate::kinds::apps::workload;
use crate::kinds::column::Column;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_true, text};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing::{self, NONE};

/// Longest name, so that the jobs made from it fit.
const MAX_NAME: usize = 52;

/// The strategy of CronJob (`pkg/registry/batch/cronjob/strategy.go @ v1.36`).
pub static CRON_JOB: Kind = Kind {
    status: Status::Starting(|| json!({})),
    default,
    validate,
    warnings,
    columns: &[
        Column::NAME,
        Column::text("Schedule", "/spec/schedule", "The schedule in Cron format."),
        Column::text("Timezone", "/spec/timeZone", "The time zone of the schedule.").or(NONE),
        Column::new(
            "Suspend",
            "boolean",
            |obj, _| if is_true(obj, "/spec/suspend") { "True" } else { "False" }.into(),
            "Whether no further jobs are started.",
        ),
        Column::len("Active", "/status/active", "Number of running jobs."),
        Column::new("Last Schedule", "string", last_schedule, "When a job was last started."),
        Column::AGE,
        workload::CONTAINERS.showing(|obj| printing::containers(obj, "/spec/jobTemplate/spec/template/spec", "name")),
        workload::IMAGES.showing(|obj| printing::containers(obj, "/spec/jobTemplate/spec/template/spec", "image")),
        workload::SELECTOR.showing(|obj| printing::label_selector(obj.pointer("/spec/jobTemplate/spec/selector"))),
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    fill_zero(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
    let Some(job) = ensure(spec, "jobTemplate") else { return };
    fill(job, "metadata", Map::new());
    if let Some(job) = ensure(job, "spec") {
        fill(job, "template", Map::new());
        template::default(job);
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let name = root.child("metadata").child("name");
    if name.len() > MAX_NAME {
        errs.invalid(&name, format!("must be no more than {MAX_NAME} characters"));
    }
    spec(&root.child("spec"), errs);
}

fn warnings(obj: &Value, _old: Option<&Value>) -> Vec<String> {
    let pod = At::root(obj).child("spec").child("jobTemplate").child("spec").child("template").child("spec");
    warnings::pod_spec(&pod)
}

fn spec(at: &At<'_>, errs: &mut Errors) {
    let schedule = at.child("schedule");
    if schedule.require(errs) {
        if schedule.text().contains("TZ") {
            errs.invalid(&schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
        } else if let Err(error) = Schedule::parse(schedule.text()) {
            errs.invalid(&schedule, error.to_string());
        }
    }
    time_zone(&at.child("timeZone"), errs);
    at.child("startingDeadlineSeconds").non_negative(errs);
    at.child("concurrencyPolicy").require_one_of(&["Allow", "Forbid", "Replace"], errs);
    job_validation::spec(&at.child("jobTemplate").child("spec"), Owner::Template, errs);
    at.child("successfulJobsHistoryLimit").non_negative(errs);
    at.child("failedJobsHistoryLimit").non_negative(errs);
}

fn time_zone(at: &At<'_>, errs: &mut Errors) {
    let Some(name) = at.str() else { return };
    if name.is_empty() {
        errs.invalid(at, "must be nil or non-empty string");
    } else if name.eq_ignore_ascii_case("local") {
        errs.invalid(at, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    } else if jiff::tz::TimeZone::get(name).is_err() {
        errs.invalid(at, format!("unknown time zone {name}"));
    }
}

fn last_schedule(obj: &Value, now: Timestamp) -> Value {
    match text(obj, "/status/lastScheduleTime") {
        "" => NONE.into(),
        last => printing::since(last, now).into(),
    }
}
