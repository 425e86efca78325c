//! DeviceTaintRule and ResourcePoolStatusRequest.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::{Context, Strategy};
use crate::names;

/// The behaviour of DeviceTaintRules.
pub struct DeviceTaintRule;

/// The behaviour of ResourcePoolStatusRequests.
pub struct ResourcePoolStatusRequest;

impl Strategy for DeviceTaintRule {
    fn prepare_create(&self, cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
        if let Some(taint) = obj.pointer_mut("/spec/taint").and_then(Value::as_object_mut) {
            taint.entry("timeAdded").or_insert_with(|| crate::time::format(cx.now).into());
        }
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let taint = At::root(obj).child("spec").child("taint");
        let (key, effect) = (taint.child("key"), taint.child("effect"));
        key.check(names::is_qualified_name, &mut errs);
        taint.child("value").check(names::is_label_value, &mut errs);
        if effect.require(&mut errs) {
            effect.one_of(&["NoExecute", "NoSchedule", "None"], &mut errs);
        }
        errs
    }
}

impl Strategy for ResourcePoolStatusRequest {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let driver = spec.child("driver");
        if driver.require(&mut errs) {
            driver.check(names::is_dns1123_subdomain, &mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        immutable(&At::root(new).child("spec"), old.get("spec"), &mut errs);
        errs
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, context};

    #[test]
    fn taints() {
        let mut obj = json!({"spec": {"taint": {"key": "a", "effect": "NoSchedule"}}});
        check(&DeviceTaintRule, obj.clone(), &[]);
        DeviceTaintRule.prepare_create(&context(), &mut obj);
        assert_eq!(obj["spec"]["taint"]["timeAdded"], "2026-01-01T00:00:00Z");
        check(
            &DeviceTaintRule,
            json!({"spec": {"taint": {"key": "a", "effect": "X"}}}),
            &["spec.taint.effect: Unsupported value: \"X\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""],
        );
        check(&ResourcePoolStatusRequest, json!({"spec": {}}), &["spec.driver: Required value"]);
    }
}
