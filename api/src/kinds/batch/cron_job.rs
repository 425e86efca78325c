//! CronJob.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::job_validation::{self, Owner};
use super::schedule::Schedule;
use crate::field::{At, Errors};
use crate::kinds::apps::workload;
use crate::kinds::common::checks::required_choice;
use crate::kinds::common::generation;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_true, list, set, text};
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing::{self, NONE};
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of CronJob (`pkg/registry/batch/cronjob/strategy.go @ v1.36`).
pub struct CronJob;

/// Longest name, so that the jobs made from it fit.
const MAX_NAME: usize = 52;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Schedule", "string", "The schedule in Cron format."),
    Column::new("Timezone", "string", "The time zone of the schedule."),
    Column::new("Suspend", "boolean", "Whether no further jobs are started."),
    Column::new("Active", "integer", "Number of running jobs."),
    Column::new("Last Schedule", "string", "When a job was last started."),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    workload::SELECTOR,
];

impl Strategy for CronJob {
    fn default(&self, obj: &mut Value) {
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

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(obj, "status", Map::new());
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let name = root.child("metadata").child("name");
        if name.len() > MAX_NAME {
            errs.invalid(&name, format!("must be no more than {MAX_NAME} characters"));
        }
        spec(&root.child("spec"), &mut errs);
        errs
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        let pod = At::root(obj).child("spec").child("jobTemplate").child("spec").child("template").child("spec");
        warnings::pod_spec(&pod)
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let zone = text(obj, "/spec/timeZone");
        let last = text(obj, "/status/lastScheduleTime");
        let [names, images] = printing::containers(obj.pointer("/spec/jobTemplate/spec/template/spec"));
        vec![
            printing::name(obj),
            text(obj, "/spec/schedule").into(),
            if zone.is_empty() { NONE } else { zone }.into(),
            if is_true(obj, "/spec/suspend") { "True" } else { "False" }.into(),
            list(obj, "/status/active").len().into(),
            if last.is_empty() { NONE.into() } else { printing::since(last, now).into() },
            printing::age(obj, now),
            names,
            images,
            printing::label_selector(obj.pointer("/spec/jobTemplate/spec/selector")).into(),
        ]
    }
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
    required_choice(&at.child("concurrencyPolicy"), &["Allow", "Forbid", "Replace"], errs);
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
