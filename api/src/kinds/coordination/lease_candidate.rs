//! LeaseCandidate.

use serde_json::Value;

use super::lease::strategy;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::kind::Kind;
use crate::names;

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
    name: names::is_config_map_key,
    create_on_update: true,
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    for field in ["leaseName", "binaryVersion"] {
        spec.child(field).require(errs);
    }
    let chosen = spec.child("strategy");
    if chosen.text() == "OldestEmulationVersion" {
        let emulated = spec.child("emulationVersion");
        emulated.require_because("must be specified when `strategy` is 'OldestEmulationVersion'", errs);
    }
    if chosen.require(errs) {
        strategy(&chosen, errs);
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
            &["spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'"],
        );
    }
}
