//! LimitRange (`pkg/apis/core/validation: ValidateLimitRange @ v1.36`).

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::resources::{self, quantity};
use crate::kinds::common::values::{each, ensure, text};
use crate::kinds::kind::Kind;
use crate::names;
use crate::quantity::Quantity;

const AMOUNTS: &[&str] = &["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// The behaviour of LimitRanges.
pub static LIMIT_RANGE: Kind =
    Kind { default, validate, columns: &[Column::NAME, Column::CREATED], create_on_update: true, ..Kind::DATA };

fn default(obj: &mut Value) {
    let Some(spec) = obj.get_mut("spec") else { return };
    each(spec, "limits", |limit| {
        if text(limit, "/type") != "Container" {
            return;
        }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            copy_missing(limit, from, to);
        }
    });
}

fn validate(obj: &Value, errs: &mut Errors) {
    let mut seen = HashSet::new();
    for limit in At::root(obj).child("spec").child("limits").items() {
        let kind = limit.child("type");
        kind.check(names::is_qualified_name, errs);
        let qualified = kind.text().contains('/') || names::is_qualified_name(kind.text()).is_err();
        if !qualified && !["Pod", "Container", "PersistentVolumeClaim"].contains(&kind.text()) {
            errs.invalid_value(&kind, kind.text(), "must be a standard limit type or fully qualified");
        }
        if !seen.insert(kind.text()) {
            errs.duplicate(&kind);
        }
        item(&limit, kind.text(), errs);
    }
}

fn copy_missing(limit: &mut Value, from: &str, to: &str) {
    let Some(source) = limit.get(from).and_then(Value::as_object).filter(|s| !s.is_empty()).cloned() else { return };
    let Some(target) = ensure(limit, to).and_then(Value::as_object_mut) else { return };
    fill(target, source);
}

fn fill(target: &mut Map<String, Value>, source: Map<String, Value>) {
    for (key, value) in source {
        target.entry(key).or_insert(value);
    }
}

fn item(limit: &At<'_>, kind: &str, errs: &mut Errors) {
    if kind == "Pod" {
        for field in ["default", "defaultRequest"] {
            if !limit.child(field).is_empty() {
                errs.forbidden(&limit.child(field), "may not be specified when `type` is 'Pod'");
            }
        }
    }
    let mut keys = BTreeSet::new();
    for field in AMOUNTS {
        for (key, amount) in limit.child(*field).entries() {
            resources::name(key, &amount, errs);
            keys.insert(key);
        }
    }
    let storage = |field: &'static str| limit.child(field).key("storage").exists();
    if kind == "PersistentVolumeClaim" && !storage("min") && !storage("max") {
        errs.required_because(
            &limit.child("limits"),
            "either minimum or maximum storage value is required, but neither was provided",
        );
    }
    for key in keys {
        order(limit, key, errs);
    }
}

/// Checks that the amounts of one resource are in order.
fn order(limit: &At<'_>, key: &str, errs: &mut Errors) {
    const ORDER: &[(&str, &str, &str, &str)] = &[
        ("min", "max", "min value", "max value"),
        ("min", "defaultRequest", "min value", "default request value"),
        ("defaultRequest", "max", "default request value", "max value"),
        ("defaultRequest", "default", "default request value", "default limit value"),
        ("min", "default", "min value", "default value"),
        ("default", "max", "default value", "max value"),
    ];
    for (low, high, low_name, high_name) in ORDER {
        let (low_at, high_at) = (limit.child(*low).key(key), limit.child(*high).key(key));
        if let (Some(a), Some(b)) = (quantity(&low_at), quantity(&high_at))
            && a > b
        {
            errs.invalid(&low_at, format!("{low_name} {a} is greater than {high_name} {b}"));
        }
    }
    let ratio = limit.child("maxLimitRequestRatio").key(key);
    if let Some(value) = quantity(&ratio)
        && Quantity::parse("1").is_ok_and(|one| value < one)
    {
        errs.invalid(&ratio, format!("ratio {value} is less than 1"));
    }
    let bounds = (quantity(&limit.child("min").key(key)), quantity(&limit.child("max").key(key)));
    if let (Some(value), (Some(min), Some(max))) = (quantity(&ratio), bounds) {
        let most = max.as_f64() / min.as_f64();
        if value.as_f64() > most {
            errs.invalid(&ratio, format!("ratio {value} is greater than max/min = {most:.6}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, defaulted};

    #[test]
    fn containers_get_defaults_from_the_bounds() {
        assert_eq!(
            defaulted(
                &LIMIT_RANGE,
                json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}]}})
            ),
            json!({"spec": {"limits": [{
                "type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}, "default": {"cpu": "2"},
                "defaultRequest": {"cpu": "2", "memory": "1Mi"},
            }]}})
        );
    }

    #[test]
    fn bounds_are_in_order() {
        check(
            &LIMIT_RANGE,
            json!({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}, "min": {"cpu": "2"}, "default": {"cpu": "1"}}]}}),
            &[
                "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1",
            ],
        );
        let ratio = |ratio: &str| json!({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "3"}, "min": {"cpu": "500m"}, "maxLimitRequestRatio": {"cpu": ratio}}]}});
        check(&LIMIT_RANGE, ratio("6"), &[]);
        check(
            &LIMIT_RANGE,
            ratio("7"),
            &[
                "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"7\": ratio 7 is greater than max/min = 6.000000",
            ],
        );
        check(
            &LIMIT_RANGE,
            json!({"spec": {"limits": [{"type": "Foo"}, {"type": "Foo"}]}}),
            &[
                "spec.limits[0].type: Invalid value: \"Foo\": must be a standard limit type or fully qualified",
                "spec.limits[1].type: Invalid value: \"Foo\": must be a standard limit type or fully qualified",
                "spec.limits[1].type: Duplicate value: \"Foo\"",
            ],
        );
    }

    #[test]
    fn a_type_that_is_no_name_is_no_more_than_that() {
        let errors = Errors::of(|errs| validate(&json!({"spec": {"limits": [{"type": "a b"}]}}), errs));
        assert_eq!(errors.len(), 1, "{errors}");
    }
}
