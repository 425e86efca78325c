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

/// Checks a toleration's or taint's effect.
pub fn taint_effect(at: &At<'_>, errs: &mut Errors) {
    at.require_one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"], errs);
}
