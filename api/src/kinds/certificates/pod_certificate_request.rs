//! PodCertificateRequest.

use std::borrow::Cow;

use serde_json::Value;

use super::certificate_signing_request::signer_name;
use crate::field::{At, Errors};
use crate::kinds::common::checks;
use crate::kinds::common::generation::{carry, drop_status};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill, text, within};
use crate::kinds::{Context, Strategy};

/// The behaviour of PodCertificateRequests.
pub struct PodCertificateRequest;

const REQUIRED: &[&str] = &["podName", "podUID", "serviceAccountName", "serviceAccountUID", "nodeName", "nodeUID"];
const MIN_SECONDS: i64 = 3600;
const MAX_SECONDS: i64 = 91 * 24 * 3600;

impl Strategy for PodCertificateRequest {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", |spec| fill(spec, "maxExpirationSeconds", 86400));
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        carry(new, old, "status");
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        signer_name(&spec.child("signerName"), &mut errs);
        for field in REQUIRED {
            spec.child(*field).require(&mut errs);
        }
        checks::in_range(&spec.child("maxExpirationSeconds"), MIN_SECONDS, MAX_SECONDS, &mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        immutable(&At::root(new).child("spec"), old.get("spec"), &mut errs);
        errs
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["spec.signerName", "spec.podName", "spec.nodeName"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![
            ("spec.signerName", text(obj, "/spec/signerName").into()),
            ("spec.podName", text(obj, "/spec/podName").into()),
            ("spec.nodeName", text(obj, "/spec/nodeName").into()),
        ]
    }
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
        check(&PodCertificateRequest, json!({"spec": spec}), &[]);
        let mut short = spec;
        short["maxExpirationSeconds"] = json!(60);
        check(
            &PodCertificateRequest,
            json!({"spec": short}),
            &["spec.maxExpirationSeconds: Invalid value: 60: must be between 3600 and 7862400, inclusive"],
        );
    }
}
