//! RuntimeClass (`pkg/apis/node/validation @ v1.36`).

use std::collections::HashSet;

use serde_json::Value;

use crate::field::{At, Errors, Path};
use crate::kinds::column::Column;
use crate::kinds::common::metadata::labels;
use crate::kinds::common::resources;
use crate::kinds::common::values::{each, fill_zero, within};
use crate::kinds::kind::Kind;
use crate::kinds::podspec::scheduling;
use crate::names;

/// The behaviour of RuntimeClasses.
pub static RUNTIME_CLASS: Kind = Kind {
    default,
    validate,
    immutable: &["handler"],
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
        // Upstream checks them as if they were limits.
        let amount = At::new(amount.value, Path::new("overhead").child("limits").key(resource));
        resources::name(resource, &amount, errs);
        resources::non_negative(&amount, errs);
    }
    let rules = root.child("scheduling");
    labels(&rules.child("nodeSelector"), errs);
    tolerations(&rules.child("tolerations"), errs);
}

/// Checks tolerations, each of which is there once. Upstream's path of what is wrong in one has the list's name twice.
fn tolerations(at: &At<'_>, errs: &mut Errors) {
    scheduling::tolerations(&At::new(at.value, at.path.child("tolerations")), errs);
    let mut seen = HashSet::new();
    for toleration in at.items() {
        if !seen.insert(["key", "operator", "value", "effect"].map(|field| toleration.child(field).text())) {
            errs.duplicate(&toleration);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn handlers() {
        check(&RUNTIME_CLASS, json!({"handler": "runc", "overhead": {"podFixed": {"memory": "1Mi"}}}), &[]);
        check(&RUNTIME_CLASS, json!({"handler": "a.b"}), &["handler: Invalid value: \"a.b\": must not contain dots"]);
        let rules = json!({"nodeSelector": {"a": "b c"}, "tolerations": [{"key": "k"}, {"key": "k"}, {"key": "a b"}]});
        let odd = json!({"handler": "a", "overhead": {"podFixed": {"cpu": "-1"}}, "scheduling": rules});
        let fields: Vec<String> =
            Strategy::validate_update(&RUNTIME_CLASS, &odd, &odd).iter().map(|e| e.field.clone()).collect();
        assert_eq!(
            fields,
            [
                "overhead.limits[cpu]",
                "scheduling.nodeSelector",
                "scheduling.tolerations.tolerations[2].key",
                "scheduling.tolerations[1]"
            ]
        );
        check_update(
            &RUNTIME_CLASS,
            json!({"handler": "a"}),
            json!({"handler": "b"}),
            &["handler: Invalid value: \"b\": field is immutable"],
        );
        check_cells(&RUNTIME_CLASS, &json!({"metadata": {"name": "r"}, "handler": "h"}), &["r", "h", "<unknown>"]);
    }
}
