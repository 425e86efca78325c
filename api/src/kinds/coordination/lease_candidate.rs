//! LeaseCandidate.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::text;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};

/// The behaviour of LeaseCandidates.
pub struct LeaseCandidate;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("LeaseName", "string", "Lease it is a candidate for."),
    Column::new("BinaryVersion", "string", "Version of the binary."),
    Column::new("EmulationVersion", "string", "Version it acts as."),
    Column::new("PingTime", "date", "When it was last asked."),
    Column::new("RenewTime", "date", "When it last answered."),
    Column::AGE,
];

impl Strategy for LeaseCandidate {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        for field in ["leaseName", "strategy", "binaryVersion"] {
            spec.child(field).require(&mut errs);
        }
        if text(obj, "/spec/strategy") == "OldestEmulationVersion" {
            spec.child("emulationVersion").require(&mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        immutable(&At::root(new).child("spec").child("leaseName"), old.pointer("/spec/leaseName"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let spec = |field: &str| Value::from(text(obj, &format!("/spec/{field}")));
        vec![
            name(obj),
            spec("leaseName"),
            spec("binaryVersion"),
            spec("emulationVersion"),
            spec("pingTime"),
            spec("renewTime"),
            age(obj, now),
        ]
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
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(&LeaseCandidate, json!({"spec": {"leaseName": "l", "strategy": "a/b", "binaryVersion": "1"}}), &[]);
        check(
            &LeaseCandidate,
            json!({"spec": {"leaseName": "l", "strategy": "OldestEmulationVersion", "binaryVersion": "1"}}),
            &["spec.emulationVersion: Required value"],
        );
    }
}
