//! Validation of label selectors (`apimachinery/pkg/apis/meta/v1/validation @ v1.36`).

use serde_json::{Map, Value};

use super::metadata;
use crate::field::{At, Errors};
use crate::labels::Selector;
use crate::names;

/// Validates a `LabelSelector`: labels, operators, values.
pub fn validate(at: &At<'_>, errs: &mut Errors) {
    metadata::labels(&at.child("matchLabels"), errs);
    for one in at.child("matchExpressions").items() {
        requirement(&one, &[], errs);
    }
}

/// Validates a requirement: operator, key and values. `single` are further operators, which take one value.
pub fn requirement(at: &At<'_>, single: &[&str], errs: &mut Errors) {
    let (operator, values) = (at.child("operator"), at.child("values"));
    match operator.text() {
        "In" | "NotIn" => {
            values.require_because("must be specified when `operator` is 'In' or 'NotIn'", errs);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errs.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Exists" | "DoesNotExist" => {}
        other if !single.contains(&other) => errs.invalid_value(&operator, other, "not a valid selector operator"),
        _ if values.len() != 1 => {
            errs.required_because(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        _ => {}
    }
    at.child("key").check(names::is_qualified_name, errs);
    for value in values.items() {
        value.check(names::is_label_value, errs);
    }
}

/// Says whether a `LabelSelector` selects everything because nothing is in it.
pub fn is_empty(at: &At<'_>) -> bool {
    at.child("matchLabels").is_empty() && at.child("matchExpressions").is_empty()
}

/// Says whether a `LabelSelector` selects these labels; a malformed one selects nothing.
pub fn matches(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    let none = Map::new();
    selector.and_then(|s| Selector::from_label_selector(s).ok()).is_some_and(|s| s.matches(labels.unwrap_or(&none)))
}
