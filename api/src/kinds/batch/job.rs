//! Job.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::job_validation::{self, Owner};
use crate::field::Errors;
use crate::kinds::apps::workload;
use crate::kinds::common::generation;
use crate::kinds::common::values::{each, ensure, fill, fill_zero, int, is_true, is_unset, is_zero, list, set, text};
use crate::kinds::printing;
use crate::kinds::strategy::{Column, Context, DeletePolicy, Strategy};

/// The strategy of Job (`pkg/registry/batch/job/strategy.go @ v1.36`).
pub struct Job;

/// Label with the uid of the job, by which it finds its pods.
pub const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
/// Label with the name of the job.
pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Status", "string", "Status of the job."),
    Column::new("Completions", "string", "Pods that succeeded, and how many should."),
    Column::new("Duration", "string", "Time required to complete the job."),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    workload::SELECTOR,
];

impl Strategy for Job {
    fn default(&self, obj: &mut Value) {
        let labels = obj.pointer("/spec/template/metadata/labels").filter(|l| !is_zero(Some(l))).cloned();
        let Some(spec) = workload::default_spec(obj) else { return };
        if is_unset(spec.get("completions")) && is_unset(spec.get("parallelism")) {
            fill(spec, "completions", 1);
        }
        fill(spec, "parallelism", 1);
        let per_index = !is_unset(spec.get("backoffLimitPerIndex"));
        fill(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
        fill(spec, "completionMode", "NonIndexed");
        fill(spec, "suspend", false);
        let failed_only = !is_unset(spec.get("podFailurePolicy"));
        fill(spec, "podReplacementPolicy", if failed_only { "Failed" } else { "TerminatingOrFailed" });
        if let Some(policy) = spec.get_mut("podFailurePolicy") {
            each(policy, "rules", |rule| {
                each(rule, "onPodConditions", |condition| fill_zero(condition, "status", "True"))
            });
        }
        if let Some(labels) = labels
            && let Some(meta) = ensure(obj, "metadata")
            && is_zero(meta.get("labels"))
        {
            set(meta, "labels", labels);
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set(obj, "status", Map::new());
        generate_selector(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
        // A client that applies its own manifest again leaves out what was generated.
        if let Some(stored) = old.pointer("/spec/selector")
            && let Some(spec) = new.get_mut("spec")
        {
            fill(spec, "selector", stored.clone());
        }
    }

    fn validate(&self, obj: &Value) -> Errors {
        job_validation::validate(obj, Owner::User)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        job_validation::validate_update(new, old)
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        workload::status_counts(new, &["active", "succeeded", "failed", "terminating", "ready"], &[])
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        workload::warnings(obj)
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let [names, images, selector] = workload::wide_cells(obj);
        vec![
            printing::name(obj),
            status(obj).into(),
            completions(obj).into(),
            duration(obj, now).into(),
            printing::age(obj, now),
            names,
            images,
            selector,
        ]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("status.successful", int(obj, "/status/succeeded").unwrap_or(0).to_string().into())]
    }

    fn delete_policy(&self) -> DeletePolicy {
        DeletePolicy::Orphan
    }
}

/// Labels the template with uid and name, and selects by the uid, unless the user selects by hand.
fn generate_selector(obj: &mut Value) {
    if is_true(obj, "/spec/manualSelector") {
        return;
    }
    let (uid, name) = (text(obj, "/metadata/uid").to_owned(), text(obj, "/metadata/name").to_owned());
    let Some(spec) = ensure(obj, "spec") else { return };
    let labels = ensure(spec, "template").and_then(|t| ensure(t, "metadata")).and_then(|m| ensure(m, "labels"));
    if let Some(labels) = labels {
        for (key, value) in [("controller-uid", &uid), ("job-name", &name), (CONTROLLER_UID, &uid), (JOB_NAME, &name)] {
            fill(labels, key, value.as_str());
        }
    }
    if let Some(labels) = ensure(spec, "selector").and_then(|s| ensure(s, "matchLabels")) {
        fill(labels, CONTROLLER_UID, uid);
    }
}

fn has_condition(obj: &Value, kind: &str) -> bool {
    list(obj, "/status/conditions").iter().any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}

fn status(obj: &Value) -> &'static str {
    const CONDITIONS: [(&str, &str); 5] = [
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ];
    let found = CONDITIONS.iter().find(|(kind, _)| has_condition(obj, kind)).map_or("Running", |(_, word)| word);
    let over = matches!(found, "Complete" | "Failed");
    if !over && !is_unset(obj.pointer("/metadata/deletionTimestamp")) { "Terminating" } else { found }
}

fn completions(obj: &Value) -> String {
    let done = int(obj, "/status/succeeded").unwrap_or(0);
    match (int(obj, "/spec/completions"), int(obj, "/spec/parallelism").unwrap_or(0)) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallelism) if parallelism > 1 => format!("{done}/1 of {parallelism}"),
        (None, _) => format!("{done}/1"),
    }
}

fn duration(obj: &Value, now: Timestamp) -> String {
    let Ok(start) = text(obj, "/status/startTime").parse::<Timestamp>() else { return String::new() };
    let end = text(obj, "/status/completionTime").parse().unwrap_or(now);
    printing::between(start, end)
}
