//! Checks of resource names and amounts.

use crate::field::{At, Errors};
use crate::names;
use crate::quantity::Quantity;

/// Checks the name of a resource in a quota, a limit range or a node.
pub fn name(name: &str, at: &At<'_>, errs: &mut Errors) {
    errs.invalid_each(&at.path, name, names::is_qualified_name(name));
}

/// Checks that an amount is a quantity of at least 0.
pub fn non_negative(at: &At<'_>, errs: &mut Errors) {
    if let Some(amount) = quantity(at)
        && amount < Quantity::default()
    {
        errs.invalid(at, "must be greater than or equal to 0");
    }
}

/// Reads an amount; `None` when it is unset or malformed (decoding has refused the latter).
#[must_use]
pub fn quantity(at: &At<'_>) -> Option<Quantity> {
    Quantity::from_value(at.value?).ok()
}

/// Checks a node selector: keys, operators and values of its terms.
pub fn node_selector(at: &At<'_>, errs: &mut Errors) {
    let terms = at.child("nodeSelectorTerms");
    if terms.is_empty() {
        errs.required_because(&terms, "must have at least one node selector term");
    }
    for term in terms.items() {
        for expression in term.child("matchExpressions").items() {
            selector_requirement(&expression, errs);
            expression.child("key").check(names::is_qualified_name, errs);
        }
    }
}

fn selector_requirement(at: &At<'_>, errs: &mut Errors) {
    let (operator, values) = (at.child("operator"), at.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errs.required_because(&values, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errs.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errs.required_because(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errs.invalid_value(&operator, other, "not a valid selector operator"),
    }
}

/// Checks a toleration's or taint's effect.
pub fn taint_effect(at: &At<'_>, errs: &mut Errors) {
    if at.require(errs) {
        at.one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"], errs);
    }
}
