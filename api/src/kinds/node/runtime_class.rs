//! RuntimeClass (`pkg/apis/node/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::metadata::labels;
use crate::kinds::common::resources;
use crate::kinds::common::values::{each, fill_zero, within};
use crate::kinds::kind::{Kind, immutable};
use crate::names;

/// The behaviour of RuntimeClasses.
pub static RUNTIME_CLASS: Kind = Kind {
    default,
    validate,
    validate_update: Some(|new, old, errs| immutable(new, old, &["handler"], errs)),
    columns: &[
        Column::NAME,
        Column::text("Handler", "/handler", "Configuration of the container runtime."),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    within(obj, "scheduling", |scheduling| {
        each(scheduling, "tolerations", |toleration| fill_zero(toleration, "operator", "Equal"));
    });
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let handler = root.child("handler");
    handler.check(names::is_dns1123_label, errs);
    for (resource, amount) in root.child("overhead").child("podFixed").entries() {
        resources::name(resource, &amount, errs);
        resources::non_negative(&amount, errs);
    }
    let scheduling = root.child("scheduling");
    labels(&scheduling.child("nodeSelector"), errs);
    for toleration in scheduling.child("tolerations").items() {
        toleration.child("key").check_given(names::is_qualified_name, errs);
        toleration.child("operator").one_of(&["Equal", "Exists"], errs);
        if toleration.child("operator").text() == "Exists" && !toleration.child("value").is_empty() {
            errs.invalid(&toleration.child("operator"), "value must be empty when `operator` is 'Exists'");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn handlers() {
        check(&RUNTIME_CLASS, json!({"handler": "runc", "overhead": {"podFixed": {"memory": "1Mi"}}}), &[]);
        check(&RUNTIME_CLASS, json!({"handler": "a.b"}), &["handler: Invalid value: \"a.b\": must not contain dots"]);
        check_update(
            &RUNTIME_CLASS,
            json!({"handler": "a"}),
            json!({"handler": "b"}),
            &["handler: Invalid value: \"b\": field is immutable"],
        );
        check_cells(&RUNTIME_CLASS, &json!({"metadata": {"name": "r"}, "handler": "h"}), &["r", "h", "<unknown>"]);
    }
}
