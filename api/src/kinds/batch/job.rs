//! Job.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::job_validation::{self, Owner};
use crate::kinds::apps::workload;
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::values::{each, ensure, fill, fill_zero, int, is_true, is_unset, is_zero, list, set, text};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::printing;
use crate::kinds::strategy::{Context, DeletePolicy};

/// Label with the uid of the job, by which it finds its pods.
pub const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
/// Label with the name of the job.
pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// The strategy of Job (`pkg/registry/batch/job/strategy.go @ v1.36`).
pub static JOB: Kind = Kind {
    status: Status::Starting(|| json!({})),
    default,
    prepare_create,
    prepare_update,
    validate: |obj, errs| job_validation::validate(obj, Owner::User, errs),
    validate_create: job_validation::generated_selector,
    validate_update: Some(job_validation::validate_update),
    validate_status: |new, _, errs| {
        workload::status_counts(new, &["active", "succeeded", "failed", "terminating", "ready"], &[], errs)
    },
    warnings: workload::warnings,
    columns: &[
        Column::NAME,
        Column::picked("Status", status, "Status of the job."),
        Column::shown("Completions", completions, "Pods that succeeded, and how many should."),
        Column::new("Duration", "string", |obj, now| duration(obj, now).into(), "Time required to complete the job."),
        Column::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        workload::SELECTOR,
    ],
    selectable: &[Selectable::count("status.successful", "/status/succeeded")],
    delete_policy: DeletePolicy::Orphan,
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
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
        each(policy, "rules", |rule| each(rule, "onPodConditions", |condition| fill_zero(condition, "status", "True")));
    }
    if let Some(labels) = labels
        && let Some(meta) = ensure(obj, "metadata")
        && is_zero(meta.get("labels"))
    {
        set(meta, "labels", labels);
    }
}

fn prepare_create(_cx: &Context, obj: &mut Value) {
    generate_selector(obj);
}

fn prepare_update(new: &mut Value, old: &Value) {
    // A client that applies its own manifest again leaves out what was generated.
    if let Some(stored) = old.pointer("/spec/selector")
        && let Some(spec) = new.get_mut("spec")
    {
        fill(spec, "selector", stored.clone());
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
