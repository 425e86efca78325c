//! PodTemplate: a stored pod template.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::ensure;
use crate::kinds::kind::Kind;
use crate::kinds::podspec::{template, warnings};
use crate::kinds::printing;

/// The strategy of PodTemplate.
pub static POD_TEMPLATE: Kind = Kind {
    default,
    validate,
    warnings,
    columns: &[
        Column::NAME,
        Column::shown(
            "Containers",
            |obj| printing::containers(obj, "/template/spec", "name"),
            "Names of each container in the template.",
        ),
        Column::shown(
            "Images",
            |obj| printing::containers(obj, "/template/spec", "image"),
            "Images referenced by each container in the template.",
        ),
        Column::labels("Pod Labels", "/template/metadata/labels", "The labels for the pod template."),
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    ensure(obj, "template");
    template::default(obj);
}

fn validate(obj: &Value, errs: &mut Errors) {
    template::validate(&At::root(obj).child("template"), errs);
}

fn warnings(obj: &Value, _old: Option<&Value>) -> Vec<String> {
    warnings::pod_spec(&At::root(obj).child("template").child("spec"))
}
