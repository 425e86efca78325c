//! Lease (`pkg/apis/coordination/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::checks;
use crate::kinds::common::values::text;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};

/// The behaviour of Leases.
pub struct Lease;

const COLUMNS: &[Column] = &[Column::NAME, Column::new("Holder", "string", "Who holds the lease."), Column::AGE];

impl Strategy for Lease {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        checks::positive(&spec.child("leaseDurationSeconds"), &mut errs);
        spec.child("leaseTransitions").non_negative(&mut errs);
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
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/spec/holderIdentity").into(), age(obj, now)]
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn numbers() {
        check(&Lease, json!({"spec": {"leaseDurationSeconds": 15, "leaseTransitions": 0}}), &[]);
        check(
            &Lease,
            json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        );
        check_cells(
            &Lease,
            &json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "h"}}),
            &["l", "h", "<unknown>"],
        );
    }
}
