//! LeaseCandidate.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::text;
use crate::kinds::kind::Kind;

/// The behaviour of LeaseCandidates.
pub static LEASE_CANDIDATE: Kind = Kind {
    validate,
    immutable: &["spec.leaseName"],
    columns: &[
        Column::NAME,
        Column::text("LeaseName", "/spec/leaseName", "Lease it is a candidate for."),
        Column::text("BinaryVersion", "/spec/binaryVersion", "Version of the binary."),
        Column::text("EmulationVersion", "/spec/emulationVersion", "Version it acts as."),
        Column::text("PingTime", "/spec/pingTime", "When it was last asked.").typed("date"),
        Column::text("RenewTime", "/spec/renewTime", "When it last answered.").typed("date"),
        Column::AGE,
    ],
    create_on_update: true,
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    for field in ["leaseName", "strategy", "binaryVersion"] {
        spec.child(field).require(errs);
    }
    if text(obj, "/spec/strategy") == "OldestEmulationVersion" {
        spec.child("emulationVersion").require(errs);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(&LEASE_CANDIDATE, json!({"spec": {"leaseName": "l", "strategy": "a/b", "binaryVersion": "1"}}), &[]);
        check(
            &LEASE_CANDIDATE,
            json!({"spec": {"leaseName": "l", "strategy": "OldestEmulationVersion", "binaryVersion": "1"}}),
            &["spec.emulationVersion: Required value"],
        );
    }
}
