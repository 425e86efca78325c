//! PodCertificateRequest.

use serde_json::Value;

use super::certificate_signing_request::signer_name;
use crate::field::{At, Errors};
use crate::kinds::column::Selectable;
use crate::kinds::common::checks;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill, within};
use crate::kinds::kind::Kind;

const REQUIRED: &[&str] = &["podName", "podUID", "serviceAccountName", "serviceAccountUID", "nodeName", "nodeUID"];

const MIN_SECONDS: i64 = 3600;
const MAX_SECONDS: i64 = 91 * 24 * 3600;

/// The behaviour of PodCertificateRequests.
pub static POD_CERTIFICATE_REQUEST: Kind = Kind {
    default,
    validate,
    validate_update: Some(validate_update),
    selectable: &[
        Selectable::text("spec.signerName", "/spec/signerName"),
        Selectable::text("spec.podName", "/spec/podName"),
        Selectable::text("spec.nodeName", "/spec/nodeName"),
    ],
    ..Kind::STATUS
};

fn default(obj: &mut Value) {
    within(obj, "spec", |spec| fill(spec, "maxExpirationSeconds", 86400));
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    signer_name(&spec.child("signerName"), errs);
    for field in REQUIRED {
        spec.child(*field).require(errs);
    }
    checks::in_range(&spec.child("maxExpirationSeconds"), MIN_SECONDS, MAX_SECONDS, errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    immutable(&At::root(new).child("spec"), old.get("spec"), errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        let spec = json!({"signerName": "a.io/b", "podName": "p", "podUID": "1", "serviceAccountName": "s", "serviceAccountUID": "2",
            "nodeName": "n", "nodeUID": "3"});
        check(&POD_CERTIFICATE_REQUEST, json!({"spec": spec}), &[]);
        let mut short = spec;
        short["maxExpirationSeconds"] = json!(60);
        check(
            &POD_CERTIFICATE_REQUEST,
            json!({"spec": short}),
            &["spec.maxExpirationSeconds: Invalid value: 60: must be between 3600 and 7862400, inclusive"],
        );
    }
}
