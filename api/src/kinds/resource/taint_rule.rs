//! DeviceTaintRule and ResourcePoolStatusRequest.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::kind::{Kind, immutable};
use crate::names;

/// The behaviour of DeviceTaintRules.
pub static DEVICE_TAINT_RULE: Kind = Kind {
    prepare_create: |cx, obj| {
        if let Some(taint) = obj.pointer_mut("/spec/taint").and_then(Value::as_object_mut) {
            taint.entry("timeAdded").or_insert_with(|| crate::time::format(cx.now).into());
        }
    },
    validate: |obj, errs| taint(&At::root(obj).at("spec.taint"), errs),
    ..Kind::SPEC_STATUS
};

/// The behaviour of ResourcePoolStatusRequests.
pub static RESOURCE_POOL_STATUS_REQUEST: Kind = Kind {
    validate: |obj, errs| {
        At::root(obj).at("spec.driver").require_valid(names::is_dns1123_subdomain, errs);
    },
    validate_update: Some(|new, old, errs| immutable(new, old, &["spec"], errs)),
    ..Kind::SPEC_STATUS
};

fn taint(at: &At<'_>, errs: &mut Errors) {
    at.child("key").check(names::is_qualified_name, errs);
    at.child("value").check(names::is_label_value, errs);
    at.child("effect").require_one_of(&["NoExecute", "NoSchedule", "None"], errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, context};

    #[test]
    fn taints() {
        let mut obj = json!({"spec": {"taint": {"key": "a", "effect": "NoSchedule"}}});
        check(&DEVICE_TAINT_RULE, obj.clone(), &[]);
        (DEVICE_TAINT_RULE.prepare_create)(&context(), &mut obj);
        assert_eq!(obj["spec"]["taint"]["timeAdded"], "2026-01-01T00:00:00Z");
        check(
            &DEVICE_TAINT_RULE,
            json!({"spec": {"taint": {"key": "a", "effect": "X"}}}),
            &["spec.taint.effect: Unsupported value: \"X\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""],
        );
        check(&RESOURCE_POOL_STATUS_REQUEST, json!({"spec": {}}), &["spec.driver: Required value"]);
    }
}
