//! PodGroup and Workload, which tell the scheduler about pods that belong together.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of PodGroups.
pub static POD_GROUP: Kind = Kind {
    validate: |obj, errs| policy(&At::root(obj).at("spec.schedulingPolicy"), errs),
    immutable: &["spec"],
    ..Kind::SPEC_STATUS
};

/// The behaviour of Workloads.
pub static WORKLOAD: Kind = Kind { validate: templates, ..Kind::COUNTED };

fn templates(obj: &Value, errs: &mut Errors) {
    for template in At::root(obj).at("spec.podGroupTemplates").items() {
        template.child("name").require_valid(names::is_dns1123_label, errs);
        policy(&template.child("schedulingPolicy"), errs);
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
        check(&POD_GROUP, json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}}), &[]);
        check(
            &POD_GROUP,
            json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 0}}}}),
            &["spec.schedulingPolicy.gang.minCount: Invalid value: 0: must be greater than or equal to 1"],
        );
        check(
            &WORKLOAD,
            json!({"spec": {"podGroupTemplates": [{"schedulingPolicy": {"basic": {}}}]}}),
            &["spec.podGroupTemplates[0].name: Required value"],
        );
    }
}
