//! Lease (`pkg/apis/coordination/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::checks;
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of Leases.
pub static LEASE: Kind = Kind {
    validate,
    columns: &[Column::NAME, Column::text("Holder", "/spec/holderIdentity", "Who holds the lease."), Column::AGE],
    create_on_update: true,
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    checks::positive(&spec.child("leaseDurationSeconds"), errs);
    spec.child("leaseTransitions").non_negative(errs);
    let (chosen, preferred) = (spec.child("strategy"), spec.child("preferredHolder"));
    if chosen.exists() {
        strategy(&chosen, errs);
    }
    if !preferred.is_empty() && chosen.is_empty() {
        errs.forbidden(&preferred, "may only be specified if `strategy` is defined");
    }
}

/// Checks how the holder is chosen: in a way that is built in, or one with a domain. Upstream names the field twice in its errors.
pub fn strategy(at: &At<'_>, errs: &mut Errors) {
    let named = At::new(at.value, at.path.child("strategy"));
    if at.text().contains('/') {
        named.check(names::is_qualified_name, errs);
    } else {
        named.one_of(&["OldestEmulationVersion"], errs);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn numbers() {
        check(&LEASE, json!({"spec": {"leaseDurationSeconds": 15, "leaseTransitions": 0}}), &[]);
        check(
            &LEASE,
            json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        );
        check(
            &LEASE,
            json!({"spec": {"strategy": "x", "preferredHolder": "h"}}),
            &["spec.strategy.strategy: Unsupported value: \"x\": supported values: \"OldestEmulationVersion\""],
        );
        check(&LEASE, json!({"spec": {"strategy": "a.io/b", "preferredHolder": "h"}}), &[]);
        check(&LEASE, json!({"spec": {"preferredHolder": ""}}), &[]);
        check(
            &LEASE,
            json!({"spec": {"preferredHolder": "h"}}),
            &["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"],
        );
        check_cells(
            &LEASE,
            &json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "h"}}),
            &["l", "h", "<unknown>"],
        );
    }
}
