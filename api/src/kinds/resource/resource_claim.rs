//! ResourceClaim and ResourceClaimTemplate.

use std::collections::HashSet;

use serde_json::Value;

use super::convert;
use super::device_class::{opaque, selectors};
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{each, fill_zero, is_unset, is_zero, list, set, text, within};
use crate::kinds::kind::{Kind, immutable};
use crate::{meta, names};

/// The behaviour of ResourceClaims.
pub static RESOURCE_CLAIM: Kind = Kind {
    default: |obj| within(obj, "spec", default_spec),
    convert: |obj, from, to| within(obj, "spec", |spec| convert::claim_spec(spec, from, to)),
    validate: |obj, errs| validate_spec(&At::root(obj).at("spec"), errs),
    validate_update: Some(|new, old, errs| immutable(new, old, &["spec"], errs)),
    columns: &[Column::NAME, Column::shown("State", state, "Whether the claim is allocated and in use."), Column::AGE],
    ..Kind::STATUS
};

/// The behaviour of ResourceClaimTemplates.
pub static RESOURCE_CLAIM_TEMPLATE: Kind = Kind {
    default: |obj| within(obj, "spec", |template| within(template, "spec", default_spec)),
    convert: |obj, from, to| {
        within(obj, "spec", |template| within(template, "spec", |spec| convert::claim_spec(spec, from, to)));
    },
    validate: |obj, errs| validate_spec(&At::root(obj).at("spec.spec"), errs),
    validate_update: Some(|new, old, errs| immutable(new, old, &["spec"], errs)),
    ..Kind::DATA
};

const MAX_REQUESTS: usize = 32;

fn state(obj: &Value) -> String {
    let (deleted, allocated) = (meta::is_being_deleted(obj), !is_unset(obj.pointer("/status/allocation")));
    let states = [
        (deleted, "deleted"),
        (allocated, "allocated"),
        (!allocated && !deleted, "pending"),
        (!list(obj, "/status/reservedFor").is_empty(), "reserved"),
    ];
    states.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect::<Vec<_>>().join(",")
}

fn default_spec(spec: &mut Value) {
    within(spec, "devices", |devices| {
        each(devices, "requests", |request| {
            within(request, "exactly", default_request);
            each(request, "firstAvailable", default_request);
        });
    });
}

fn default_request(request: &mut Value) {
    fill_zero(request, "allocationMode", "ExactCount");
    if text(request, "/allocationMode") == "ExactCount" && is_zero(request.get("count")) {
        set(request, "count", 1);
    }
    each(request, "tolerations", |t| fill_zero(t, "operator", "Equal"));
}

fn validate_spec(spec: &At<'_>, errs: &mut Errors) {
    let devices = spec.child("devices");
    let requests = devices.child("requests");
    if requests.len() > MAX_REQUESTS {
        errs.too_many(&requests, requests.len(), MAX_REQUESTS);
    }
    let mut seen = HashSet::new();
    for request in requests.items() {
        let name = request.child("name");
        if name.require(errs) {
            name.check(names::is_dns1123_label, errs);
            if !seen.insert(name.text()) {
                errs.duplicate(&name);
            }
        }
        let (exactly, first) = (request.child("exactly"), request.child("firstAvailable"));
        match (exactly.exists(), first.is_empty()) {
            (true, false) => errs.invalid(
                &request,
                "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
            ),
            (false, true) => {
                errs.required_because(&request, "exactly one of `exactly` or `firstAvailable` is required")
            }
            (true, true) => validate_request(&exactly, errs),
            (false, false) => first.items().for_each(|one| {
                one.child("name").require(errs);
                validate_request(&one, errs);
            }),
        }
    }
    for constraint in devices.child("constraints").items() {
        for name in constraint
            .child("requests")
            .items()
            .filter(|n| !seen.contains(n.text().split('/').next().unwrap_or_default()))
        {
            errs.invalid(
                &name,
                "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
            );
        }
    }
    for config in devices.child("config").items() {
        opaque(&config, errs);
    }
}

fn validate_request(at: &At<'_>, errs: &mut Errors) {
    at.child("deviceClassName").require_valid(names::is_dns1123_subdomain, errs);
    selectors(&at.child("selectors"), errs);
    let (mode, count) = (at.child("allocationMode"), at.child("count"));
    match mode.text() {
        "ExactCount" if count.i64().is_none_or(|n| n <= 0) => {
            errs.invalid_value(&count, count.i64().unwrap_or(0), "must be greater than zero");
        }
        "All" if count.i64().is_some_and(|n| n != 0) => {
            errs.invalid(&count, "must not be specified when allocationMode is 'All'");
        }
        "ExactCount" | "All" => {}
        other => errs.not_supported_value(&mode, other, &["All", "ExactCount"]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn requests() {
        check(
            &RESOURCE_CLAIM,
            json!({"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}}),
            &[],
        );
        check(
            &RESOURCE_CLAIM,
            json!({"spec": {"devices": {"requests": [{"name": "r"}, {"name": "r", "exactly": {"allocationMode": "X"}}]}}}),
            &[
                "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
                "spec.devices.requests[1].name: Duplicate value: \"r\"",
                "spec.devices.requests[1].exactly.deviceClassName: Required value",
                "spec.devices.requests[1].exactly.allocationMode: Unsupported value: \"X\": supported values: \"All\", \"ExactCount\"",
            ],
        );
        check_cells(
            &RESOURCE_CLAIM,
            &json!({"metadata": {"name": "c"}, "status": {"allocation": {}, "reservedFor": [{}]}}),
            &["c", "allocated,reserved", "<unknown>"],
        );
    }
}
