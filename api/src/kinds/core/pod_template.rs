//! PodTemplate: a stored pod template.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation;
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing;
use crate::kinds::strategy::{Column, Context, Strategy};

/// The strategy of PodTemplate.
pub struct PodTemplate;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Containers", "string", "Names of each container in the template."),
    Column::new("Images", "string", "Images referenced by each container in the template."),
    Column::new("Pod Labels", "string", "The labels for the pod template."),
];

impl Strategy for PodTemplate {
    fn default(&self, obj: &mut Value) {
        template::default(obj);
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        generation::start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        template::validate(&At::root(obj).child("template"), &mut errs);
        errs
    }

    fn warnings(&self, obj: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings::pod_spec(&At::root(obj).child("template").child("spec"))
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        let [names, images] = printing::containers(obj.pointer("/template/spec"));
        let labels = printing::labels(obj.pointer("/template/metadata/labels").and_then(Value::as_object));
        vec![printing::name(obj), names, images, labels.into()]
    }
}
