//! ReplicationController.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::common::values::{ensure, fill, int, is_zero, set};
use crate::kinds::common::{generation, metadata};
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing;
use crate::kinds::scale::ScalePaths;
use crate::kinds::strategy::{Column, Context, DeletePolicy, Strategy};

/// The strategy of ReplicationController.
pub struct ReplicationController;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Desired", "integer", "Number of pods that should run."),
    Column::new("Current", "integer", "Number of pods that exist."),
    Column::new("Ready", "integer", "Number of pods that are ready."),
    Column::AGE,
    Column::wide("Containers", "string", "Names of each container in the template."),
    Column::wide("Images", "string", "Images referenced by each container in the template."),
    Column::wide("Selector", "string", "Labels of the pods this controller manages."),
];

impl Strategy for ReplicationController {
    fn default(&self, obj: &mut Value) {
        let labels = obj.pointer("/spec/template/metadata/labels").filter(|l| !is_zero(Some(l))).cloned();
        if let Some(spec) = ensure(obj, "spec") {
            fill(spec, "replicas", 1);
            template::default(spec);
            if let Some(labels) = labels.clone().filter(|_| is_zero(spec.get("selector"))) {
                set(spec, "selector", labels);
            }
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
        set(obj, "status", json!({"replicas": 0}));
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_status(new, old);
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        spec.child("minReadySeconds").non_negative(&mut errs);
        let selector = spec.child("selector");
        selector.require(&mut errs);
        metadata::labels(&selector, &mut errs);
        spec.child("replicas").non_negative(&mut errs);
        let template = spec.child("template");
        if !template.exists() {
            errs.required(&template);
            return errs;
        }
        let labels = template.child("metadata").child("labels");
        let selected = selector.entries().all(|(key, value)| labels.key(key).value == value.value);
        if !selector.is_empty() && !selected {
            errs.invalid_value(&labels, template::shown_labels(&labels), "`selector` does not match template `labels`");
        }
        template::validate_lasting(&template, "ReplicationController", &mut errs);
        errs
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Errors {
        super::super::apps::replica_set::status_counts(new)
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings::pod_spec(&At::root(obj).child("spec").child("template").child("spec"))
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let [names, images] = printing::containers(obj.pointer("/spec/template/spec"));
        vec![
            printing::name(obj),
            int(obj, "/spec/replicas").unwrap_or(0).into(),
            int(obj, "/status/replicas").unwrap_or(0).into(),
            int(obj, "/status/readyReplicas").unwrap_or(0).into(),
            printing::age(obj, now),
            names,
            images,
            printing::labels(obj.pointer("/spec/selector").and_then(Value::as_object)).into(),
        ]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("status.replicas", int(obj, "/status/replicas").unwrap_or(0).to_string().into())]
    }

    fn delete_policy(&self) -> DeletePolicy {
        DeletePolicy::Orphan
    }

    fn scale(&self) -> Option<ScalePaths> {
        Some(ScalePaths::WORKLOAD)
    }
}
