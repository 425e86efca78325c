//! Validation of jobs (`pkg/apis/batch/validation/validation.go @ v1.36`).

use serde_json::Value;

use super::job::{CONTROLLER_UID, JOB_NAME};
use crate::field::{At, Errors};
use crate::kinds::common::values::{int, is_true, is_zero, remove, same, within};
use crate::kinds::common::{generation, metadata, selector};
use crate::kinds::podspec::template;
use crate::{meta, names};

const MAX_INDEXED_PARALLELISM: i64 = 100_000;
const MAX_FAILURE_RULES: usize = 20;

/// Who writes the job's spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A user: by now there must be a selector.
    User,
    /// A template of a CronJob: the selector comes later.
    Template,
}

/// Validates a whole job.
pub fn validate(obj: &Value, owner: Owner, errs: &mut Errors) {
    spec(&At::root(obj).child("spec"), owner, errs);
}

/// Validates the spec of a job.
pub fn spec(at: &At<'_>, owner: Owner, errs: &mut Errors) {
    numbers(at, errs);
    mode(at, errs);
    if let Some(policy) = Some(at.child("podFailurePolicy")).filter(At::exists) {
        failure_policy(&policy, errs);
    }
    let replacement = at.child("podReplacementPolicy");
    replacement.one_of(&["Failed", "TerminatingOrFailed"], errs);
    if at.child("podFailurePolicy").exists() && replacement.text() == "TerminatingOrFailed" {
        errs.not_supported(&replacement, &["Failed"]);
    }
    let pod = at.child("template");
    template::validate(&pod, errs);
    let restart = pod.child("spec").child("restartPolicy");
    match restart.text() {
        "" | "Always" => errs.required_because(&restart, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if at.child("podFailurePolicy").exists() => {
            errs.invalid(&restart, "only \"Never\" is supported when podFailurePolicy is specified");
        }
        _ => restart.one_of(&["OnFailure", "Never"], errs),
    }
    match owner {
        Owner::User => selected(at, errs),
        Owner::Template => unselected(at, errs),
    }
}

fn selected(at: &At<'_>, errs: &mut Errors) {
    let select = at.child("selector");
    if !select.exists() {
        errs.required(&select);
        return;
    }
    selector::validate(&select, errs);
    let labels = at.child("template").child("metadata").child("labels");
    if !selector::matches(select.value, labels.object()) {
        errs.invalid_value(&labels, template::shown_labels(&labels), "`selector` does not match template `labels`");
    }
}

fn unselected(at: &At<'_>, errs: &mut Errors) {
    let (select, manual) = (at.child("selector"), at.child("manualSelector"));
    if select.exists() {
        errs.invalid(&select, "`selector` will be auto-generated");
    }
    if manual.is_true() {
        errs.not_supported(&manual, &["nil", "false"]);
    }
}

/// Checks that a selector that was not written by hand, and the labels it is for, are those that are generated.
pub fn generated_selector(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let select = spec.child("selector");
    if spec.child("manualSelector").is_true() || !select.exists() {
        return;
    }
    let (uid, name) = (meta::uid(obj), meta::name(obj));
    let generated = [(CONTROLLER_UID, uid), (JOB_NAME, name), ("controller-uid", uid), ("job-name", name)];
    let labels = spec.child("template").child("metadata").child("labels");
    for (key, value) in generated {
        let label = labels.key(key);
        if !label.exists() {
            errs.required_because(&label, format!("must be '{value}'"));
        } else if label.text() != value {
            errs.invalid_value(&label, labels.value.cloned(), format!("must be '{value}'"));
        }
    }
    let generated = generated.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    if !selector::matches(select.value, Some(&generated)) {
        errs.invalid(&select, "`selector` not auto-generated");
    }
}

fn numbers(at: &At<'_>, errs: &mut Errors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        at.child(field).non_negative(errs);
    }
    let manager = at.child("managedBy");
    if manager.exists() {
        if !manager.text().contains('/') {
            errs.invalid(&manager, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        }
        if manager.len() > 63 {
            errs.too_long(&manager, 63);
        }
    }
}

fn mode(at: &At<'_>, errs: &mut Errors) {
    let (mode, completions) = (at.child("completionMode"), at.child("completions"));
    mode.one_of(&["Indexed", "NonIndexed"], errs);
    if mode.text() == "Indexed" {
        if !completions.exists() {
            errs.required_because(&completions, "when completion mode is Indexed");
        }
        let parallelism = at.child("parallelism");
        if parallelism.i64().is_some_and(|n| n > MAX_INDEXED_PARALLELISM) {
            errs.invalid(
                &parallelism,
                format!("must be less than or equal to {MAX_INDEXED_PARALLELISM} when completion mode is Indexed"),
            );
        }
        return;
    }
    for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        let limit = at.child(field);
        if limit.exists() {
            errs.invalid(&limit, "requires indexed completion mode");
        }
    }
}

fn failure_policy(at: &At<'_>, errs: &mut Errors) {
    let rules = at.child("rules");
    if rules.len() > MAX_FAILURE_RULES {
        errs.too_many(&rules, rules.len(), MAX_FAILURE_RULES);
    }
    for rule in rules.items() {
        rule.child("action").require_one_of(&["Count", "FailIndex", "FailJob", "Ignore"], errs);
        let (codes, conditions) = (rule.child("onExitCodes"), rule.child("onPodConditions"));
        match (codes.exists(), !conditions.is_empty()) {
            (true, true) => {
                errs.invalid_value(
                    &rule,
                    Value::Null,
                    "specifying both OnExitCodes and OnPodConditions is not supported",
                );
            }
            (false, false) => {
                errs.invalid_value(&rule, Value::Null, "specifying one of OnExitCodes and OnPodConditions is required");
            }
            _ => {}
        }
        if codes.exists() {
            codes.child("operator").require_one_of(&["In", "NotIn"], errs);
            let values = codes.child("values");
            if values.is_empty() {
                errs.invalid(&values, "at least one value is required");
            }
            for value in values.items().filter(|v| v.i64() == Some(0) && codes.child("operator").text() == "In") {
                errs.invalid(&value, "must not be 0 for the In operator");
            }
        }
        for condition in conditions.items() {
            condition.child("type").check(names::is_qualified_name, errs);
            condition.child("status").require_one_of(&["False", "True", "Unknown"], errs);
        }
    }
}

/// Validates an update: what describes the work cannot change once it may have begun.
pub fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, Owner::User, errs);
    let at = At::root(new).child("spec");
    let stored = |field: &str| old.pointer("/spec").and_then(|s| s.get(field));
    let completions = at.child("completions");
    let elastic = completions.exists()
        && at.child("completionMode").text() == "Indexed"
        && completions.i64() == at.child("parallelism").i64()
        && int(old, "/spec/completions") == int(old, "/spec/parallelism");
    if !elastic {
        metadata::immutable(&completions, stored("completions"), errs);
    }
    metadata::immutable(&at.child("selector"), stored("selector"), errs);
    let template = comparable_template(new, old);
    if !same(template.as_ref(), stored("template")) {
        errs.invalid(&at.child("template"), "field is immutable");
    }
    for field in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        metadata::immutable(&at.child(field), stored(field), errs);
    }
}

/// The new template, with the scheduling directives put back that may change while a job is suspended and has not started.
fn comparable_template(new: &Value, old: &Value) -> Option<Value> {
    let mut template = new.pointer("/spec/template")?.clone();
    if !is_true(old, "/spec/suspend") || !is_zero(old.pointer("/status/startTime")) {
        return Some(template);
    }
    let stored = old.pointer("/spec/template").unwrap_or(&Value::Null);
    within(&mut template, "spec", |spec| {
        for field in ["nodeSelector", "tolerations", "schedulingGates"] {
            generation::carry(spec, stored.get("spec").unwrap_or(&Value::Null), field);
        }
        match (spec.get("affinity").cloned(), stored.pointer("/spec/affinity/nodeAffinity").cloned()) {
            (Some(_), Some(node)) => {
                within(spec, "affinity", |a| crate::kinds::common::values::set(a, "nodeAffinity", node))
            }
            (Some(_), None) => within(spec, "affinity", |a| remove(a, "nodeAffinity")),
            _ => {}
        }
    });
    within(&mut template, "metadata", |meta| {
        for field in ["labels", "annotations"] {
            generation::carry(meta, stored.get("metadata").unwrap_or(&Value::Null), field);
        }
    });
    Some(template)
}
