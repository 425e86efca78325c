//! Lease (`pkg/apis/coordination/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::checks;
use crate::kinds::kind::Kind;

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
    let (strategy, preferred) = (spec.child("strategy"), spec.child("preferredHolder"));
    if preferred.exists() && strategy.is_empty() {
        errs.forbidden(&preferred, "may only be specified if `strategy` is defined");
    }
    if let Some(value) = strategy.str()
        && !["OldestEmulationVersion"].contains(&value)
        && !value.contains('/')
    {
        errs.not_supported(&strategy, &["OldestEmulationVersion"]);
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
        check_cells(
            &LEASE,
            &json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "h"}}),
            &["l", "h", "<unknown>"],
        );
    }
}
