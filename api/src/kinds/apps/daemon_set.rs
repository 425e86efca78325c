//! DaemonSet.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::workload;
use crate::field::{At, Errors};
use crate::kinds::common::values::{ensure, fill, fill_zero, same, set, text};
use crate::kinds::common::{generation, metadata};
use crate::kinds::podspec::template;
use crate::kinds::printing;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of DaemonSet.
pub struct DaemonSet;

/// Annotation that counts changes of the template, kept for old clients.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Desired", "integer", "Number of nodes that should run the pod."),
    Column::new("Current", "integer", "Number of nodes that run a pod and should."),
    Column::new("Ready", "integer", "Number of nodes with a ready pod."),
    Column::new("Up-to-date", "integer", "Number of nodes with a pod of the current template."),
    Column::new("Available", "integer", "Number of nodes with a pod that is ready for at least minReadySeconds."),
    Column::new("Node Selector", "string", "Labels of the nodes the pod may run on."),
    Column::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    workload::SELECTOR,
];

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

impl Strategy for DaemonSet {
    fn default(&self, obj: &mut Value) {
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

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
        set_template_generation(obj, 1);
        let status = json!({"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0});
        set(obj, "status", status);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
        let count =
            old.pointer("/metadata/annotations").and_then(|a| a.get(TEMPLATE_GENERATION)).and_then(Value::as_str);
        let count: i64 = count.and_then(|text| text.parse().ok()).unwrap_or(0);
        let kept = same(new.pointer("/spec/template"), old.pointer("/spec/template"));
        set_template_generation(new, if kept { count } else { count.saturating_add(1) });
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        if workload::selector(&spec.child("selector"), "daemonset", &mut errs) {
            let pod = spec.child("template");
            if spec.child("selector").exists() {
                template::validate_selected(&pod, &spec.child("selector"), &mut errs);
            }
            template::validate_lasting(&pod, "DaemonSet", &mut errs);
        }
        spec.child("minReadySeconds").non_negative(&mut errs);
        update_strategy(&spec.child("updateStrategy"), &mut errs);
        spec.child("revisionHistoryLimit").non_negative(&mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        metadata::immutable(&At::root(new).child("spec").child("selector"), old.pointer("/spec/selector"), &mut errs);
        errs
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = workload::status_counts(new, COUNTS, &[]);
        workload::collisions_never_fewer(new, old, &mut errs);
        errs
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        workload::warnings(obj)
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let [names, images, selector] = workload::wide_cells(obj);
        let nodes = obj.pointer("/spec/template/spec/nodeSelector").and_then(Value::as_object);
        vec![
            printing::name(obj),
            workload::count(obj, "/status/desiredNumberScheduled"),
            workload::count(obj, "/status/currentNumberScheduled"),
            workload::count(obj, "/status/numberReady"),
            workload::count(obj, "/status/updatedNumberScheduled"),
            workload::count(obj, "/status/numberAvailable"),
            printing::labels(nodes).into(),
            printing::age(obj, now),
            names,
            images,
            selector,
        ]
    }
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
