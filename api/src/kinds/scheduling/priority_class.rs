//! PriorityClass (`pkg/apis/scheduling/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill, int, is_true};
use crate::kinds::kind::Kind;
use crate::meta;

/// Largest value that users may give.
pub const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;
/// The classes that the system itself makes: name and value.
pub const SYSTEM_CLASSES: &[(&str, i64)] =
    &[("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

const SYSTEM_PREFIX: &str = "system-";
/// The behaviour of PriorityClasses.
pub static PRIORITY_CLASS: Kind = Kind {
    default,
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::count("Value", "/value", "The priority."),
        Column::flag("Global-Default", "/globalDefault", "Whether pods without class get this one."),
        Column::AGE,
        Column::text("PreemptionPolicy", "/preemptionPolicy", "Whether pods may push others away."),
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    fill(obj, "preemptionPolicy", "PreemptLowerPriority");
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    if meta::name(obj).starts_with(SYSTEM_PREFIX) {
        if let Err(reason) = known_system_class(obj) {
            errs.forbidden(
                &root.child("metadata").child("name"),
                format!("priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {reason}"),
            );
        }
    } else if int(obj, "/value").unwrap_or(0) > HIGHEST_USER_PRIORITY {
        errs.forbidden(
            &root.child("value"),
            format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"),
        );
    }
    root.child("preemptionPolicy").one_of(&["PreemptLowerPriority", "Never"], errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    let root = At::root(new);
    if int(new, "/value").unwrap_or(0) != int(old, "/value").unwrap_or(0) {
        errs.forbidden(&root.child("value"), "may not be changed in an update.");
    }
    immutable(&root.child("preemptionPolicy"), old.get("preemptionPolicy"), errs);
}

fn known_system_class(obj: &Value) -> Result<(), String> {
    let name = meta::name(obj);
    let Some((_, value)) = SYSTEM_CLASSES.iter().find(|(n, _)| *n == name) else {
        return Err(format!("{name} is not a known system priority class"));
    };
    if int(obj, "/value").unwrap_or(0) != *value {
        return Err(format!("value of {name} PriorityClass must be {value}"));
    }
    if is_true(obj, "/globalDefault") {
        return Err(format!("globalDefault of {name} PriorityClass must be false"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn values() {
        check(&PRIORITY_CLASS, json!({"metadata": {"name": "a"}, "value": 1000}), &[]);
        check(&PRIORITY_CLASS, json!({"metadata": {"name": "system-node-critical"}, "value": 2_000_001_000}), &[]);
        check(
            &PRIORITY_CLASS,
            json!({"metadata": {"name": "a"}, "value": 1_000_000_001}),
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        );
        check(
            &PRIORITY_CLASS,
            json!({"metadata": {"name": "system-x"}, "value": 1}),
            &[
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class",
            ],
        );
        check_update(
            &PRIORITY_CLASS,
            json!({"value": 1}),
            json!({"value": 2}),
            &["value: Forbidden: may not be changed in an update."],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &PRIORITY_CLASS,
            &json!({"metadata": {"name": "a"}, "value": 5, "preemptionPolicy": "Never"}),
            &["a", "5", "false", "<unknown>", "Never"],
        );
    }
}
