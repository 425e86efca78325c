//! DaemonSet.

use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::common::values::{ensure, fill, fill_zero, same, set, text};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::podspec::template;
use crate::labels::Selector;

/// Annotation that counts changes of the template, kept for old clients.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

const COUNTS: &[&str] = &[
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
];

/// The strategy of DaemonSet.
pub static DAEMON_SET: Kind = Kind {
    default,
    status: Status::Starting(
        || json!({"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0}),
    ),
    prepare_create: |_, obj| set_template_generation(obj, 1),
    prepare_update: count_templates,
    validate,
    immutable: &["spec.selector"],
    validate_status,
    warnings: workload::warnings,
    columns: &[
        Column::NAME,
        Column::count("Desired", "/status/desiredNumberScheduled", "Number of nodes that should run the pod."),
        Column::count("Current", "/status/currentNumberScheduled", "Number of nodes that run a pod and should."),
        Column::count("Ready", "/status/numberReady", "Number of nodes with a ready pod."),
        Column::count(
            "Up-to-date",
            "/status/updatedNumberScheduled",
            "Number of nodes with a pod of the current template.",
        ),
        Column::count(
            "Available",
            "/status/numberAvailable",
            "Number of nodes with a pod that is ready for at least minReadySeconds.",
        ),
        Column::labels("Node Selector", "/spec/template/spec/nodeSelector", "Labels of the nodes the pod may run on."),
        Column::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        workload::SELECTOR,
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    let Some(spec) = workload::default_spec(obj) else { return };
    fill(spec, "revisionHistoryLimit", 10);
    let Some(strategy) = ensure(spec, "updateStrategy") else { return };
    fill_zero(strategy, "type", "RollingUpdate");
    if text(strategy, "/type") == "RollingUpdate"
        && let Some(rolling) = ensure(strategy, "rollingUpdate")
    {
        fill(rolling, "maxUnavailable", 1);
        fill(rolling, "maxSurge", 0);
    }
}

fn count_templates(new: &mut Value, old: &Value) {
    let count = old.pointer("/metadata/annotations").and_then(|a| a.get(TEMPLATE_GENERATION)).and_then(Value::as_str);
    let count: i64 = count.and_then(|text| text.parse().ok()).unwrap_or(0);
    let kept = same(new.pointer("/spec/template"), old.pointer("/spec/template"));
    set_template_generation(new, if kept { count } else { count.saturating_add(1) });
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let (selector, pod) = (spec.child("selector"), spec.child("template"));
    // Upstream requires none, but one that is not there selects nothing.
    selector::validate(&selector, errs);
    if selector.value.is_none_or(|value| Selector::from_label_selector(value).is_ok()) {
        template::validate_selected(&pod, &selector, errs);
    }
    if selector.exists() && selector::is_empty(&selector) {
        errs.invalid(&selector, "empty selector is invalid for daemonset");
    }
    template::validate_lasting(&pod, "DaemonSet", errs);
    spec.child("minReadySeconds").non_negative(errs);
    update_strategy(&spec.child("updateStrategy"), errs);
    spec.child("revisionHistoryLimit").non_negative(errs);
}

fn validate_status(new: &Value, old: &Value, errs: &mut Errors) {
    workload::status_counts(new, COUNTS, &[], errs);
    workload::collisions_never_fewer(new, old, errs);
}

fn set_template_generation(obj: &mut Value, generation: i64) {
    if let Some(annotations) = ensure(obj, "metadata").and_then(|m| ensure(m, "annotations")) {
        set(annotations, TEMPLATE_GENERATION, generation.to_string());
    }
}

fn update_strategy(at: &At<'_>, errs: &mut Errors) {
    let rolling = at.child("rollingUpdate");
    match at.child("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.exists() => errs.required(&rolling),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
            workload::int_or_percent(&unavailable, errs);
            workload::int_or_percent(&surge, errs);
            match (workload::amount(&unavailable) != 0, workload::amount(&surge) != 0) {
                (true, true) => errs.invalid(&surge, "may not be set when maxUnavailable is non-zero"),
                (false, false) => errs.required_because(&unavailable, "cannot be 0 when maxSurge is 0"),
                _ => {}
            }
            workload::at_most_100_percent(&unavailable, errs);
            workload::at_most_100_percent(&surge, errs);
        }
        _ => errs.not_supported(at, &["RollingUpdate", "OnDelete"]),
    }
}
