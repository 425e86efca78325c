//! PodGroup and Workload, which tell the scheduler about pods that belong together.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::{Context, Strategy};
use crate::names;

/// The behaviour of PodGroups.
pub struct PodGroup;

/// The behaviour of Workloads.
pub struct Workload;

impl Strategy for PodGroup {
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
        policy(&At::root(obj).child("spec").child("schedulingPolicy"), &mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        immutable(&At::root(new).child("spec"), old.get("spec"), &mut errs);
        errs
    }
}

impl Strategy for Workload {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        for template in At::root(obj).child("spec").child("podGroupTemplates").items() {
            let name = template.child("name");
            if name.require(&mut errs) {
                name.check(names::is_dns1123_label, &mut errs);
            }
            policy(&template.child("schedulingPolicy"), &mut errs);
        }
        errs
    }
}

fn policy(at: &At<'_>, errs: &mut Errors) {
    let (basic, gang) = (at.child("basic"), at.child("gang"));
    match (basic.exists(), gang.exists()) {
        (true, true) => errs.invalid(at, "must specify exactly one of: `basic`, `gang`"),
        (false, false) => errs.invalid_value(at, "", "must specify one of: `basic`, `gang`"),
        (false, true) => {
            let count = gang.child("minCount");
            if count.i64().is_none_or(|n| n <= 0) {
                errs.invalid_value(&count, count.i64().unwrap_or(0), "must be greater than or equal to 1");
            }
        }
        (true, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn policies() {
        check(&PodGroup, json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}}), &[]);
        check(
            &PodGroup,
            json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 0}}}}),
            &["spec.schedulingPolicy.gang.minCount: Invalid value: 0: must be greater than or equal to 1"],
        );
        check(
            &Workload,
            json!({"spec": {"podGroupTemplates": [{"schedulingPolicy": {"basic": {}}}]}}),
            &["spec.podGroupTemplates[0].name: Required value"],
        );
    }
}
