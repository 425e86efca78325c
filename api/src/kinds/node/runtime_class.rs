//! RuntimeClass (`pkg/apis/node/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::metadata::{immutable, labels};
use crate::kinds::common::resources;
use crate::kinds::common::values::{each, fill_zero, text, within};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of RuntimeClasses.
pub struct RuntimeClass;

const COLUMNS: &[Column] =
    &[Column::NAME, Column::new("Handler", "string", "Configuration of the container runtime."), Column::AGE];

impl Strategy for RuntimeClass {
    fn default(&self, obj: &mut Value) {
        within(obj, "scheduling", |scheduling| {
            each(scheduling, "tolerations", |toleration| fill_zero(toleration, "operator", "Equal"));
        });
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let handler = root.child("handler");
        handler.check(names::is_dns1123_label, &mut errs);
        for (resource, amount) in root.child("overhead").child("podFixed").entries() {
            resources::name(resource, &amount, &mut errs);
            resources::non_negative(&amount, &mut errs);
        }
        let scheduling = root.child("scheduling");
        labels(&scheduling.child("nodeSelector"), &mut errs);
        for toleration in scheduling.child("tolerations").items() {
            let key = toleration.child("key");
            if !key.is_empty() {
                key.check(names::is_qualified_name, &mut errs);
            }
            toleration.child("operator").one_of(&["Equal", "Exists"], &mut errs);
            if toleration.child("operator").text() == "Exists" && !toleration.child("value").is_empty() {
                errs.invalid(&toleration.child("operator"), "value must be empty when `operator` is 'Exists'");
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        immutable(&At::root(new).child("handler"), old.get("handler"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/handler").into(), age(obj, now)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn handlers() {
        check(&RuntimeClass, json!({"handler": "runc", "overhead": {"podFixed": {"memory": "1Mi"}}}), &[]);
        check(&RuntimeClass, json!({"handler": "a.b"}), &["handler: Invalid value: \"a.b\": must not contain dots"]);
        check_update(
            &RuntimeClass,
            json!({"handler": "a"}),
            json!({"handler": "b"}),
            &["handler: Invalid value: \"b\": field is immutable"],
        );
        check_cells(&RuntimeClass, &json!({"metadata": {"name": "r"}, "handler": "h"}), &["r", "h", "<unknown>"]);
    }
}
