//! CertificateSigningRequest (`pkg/apis/certificates/validation @ v1.36`).

use std::collections::HashSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::generation::carry;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{ensure, int, is_zero, list, remove, set, text};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::printing::NONE;
use crate::kinds::strategy::Context;
use crate::names;
use crate::time::duration::HumanDuration;

const MIN_SECONDS: i64 = 600;
const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// The behaviour of CertificateSigningRequests.
pub static CERTIFICATE_SIGNING_REQUEST: Kind = Kind {
    status: Status::Starting(|| json!({})),
    prepare_create,
    prepare_update: |new, old| carry(new, old, "spec"),
    validate,
    validate_update: Some(validate_update),
    name: names::is_path_segment_name,
    columns: &[
        Column::NAME,
        Column::AGE,
        Column::text("SignerName", "/spec/signerName", "Who is asked to sign.").or(NONE),
        Column::text("Requestor", "/spec/username", "Who asks."),
        Column::shown("RequestedDuration", duration, "How long the certificate is wanted for."),
        Column::shown("Condition", condition, "Whether it was approved and issued."),
    ],
    selectable: &[Selectable::text("spec.signerName", "/spec/signerName")],
    ..Kind::DATA
};

fn prepare_create(cx: &Context, obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    let user = &cx.user;
    let known = [
        ("username", json!(user.name)),
        ("uid", json!(user.uid)),
        ("groups", json!(user.groups)),
        ("extra", json!(user.extra)),
    ];
    for (field, value) in known {
        if is_zero(Some(&value)) {
            remove(spec, field);
        } else {
            set(spec, field, value);
        }
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let request = spec.child("request");
    if request.is_empty() {
        errs.invalid(&request, "PEM block type must be CERTIFICATE REQUEST");
    }
    let usages = spec.child("usages");
    usages.require_because("usages must be provided", errs);
    let mut seen = HashSet::new();
    for usage in usages.items() {
        usage.one_of(USAGES, errs);
        if !seen.insert(usage.text()) {
            errs.duplicate(&usage);
        }
    }
    signer_name(&spec.child("signerName"), errs);
    let seconds = spec.child("expirationSeconds");
    if seconds.i64().is_some_and(|s| s < MIN_SECONDS) {
        errs.invalid(&seconds, format!("may not specify a duration less than {MIN_SECONDS} seconds (10 minutes)"));
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    immutable(&At::root(new).child("spec"), old.get("spec"), errs);
}

/// Checks the name of a signer: `domain/path`.
pub fn signer_name(at: &At<'_>, errs: &mut Errors) {
    if !at.require_because("signerName must be provided", errs) {
        return;
    }
    match at.text().split_once('/') {
        Some((domain, path)) if !path.contains('/') => {
            errs.invalid_each(at, at.text(), names::is_dns1123_subdomain(domain));
            if !domain.contains('.') {
                errs.invalid(at, "should be a domain with at least two segments separated by dots");
            }
            errs.invalid_each(at, at.text(), names::is_dns1123_subdomain(path));
        }
        _ => errs.invalid(at, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    }
}

fn condition(obj: &Value) -> String {
    let has = |kind: &str| list(obj, "/status/conditions").iter().any(|c| text(c, "/type") == kind);
    let mut out = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        out.push_str(",Failed");
    }
    if !text(obj, "/status/certificate").is_empty() {
        out.push_str(",Issued");
    }
    out
}

fn duration(obj: &Value) -> String {
    match int(obj, "/spec/expirationSeconds") {
        Some(seconds) => HumanDuration(SignedDuration::from_secs(seconds)).to_string(),
        None => NONE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells, context};

    #[test]
    fn fields() {
        check(
            &CERTIFICATE_SIGNING_REQUEST,
            json!({"spec": {"request": "eA==", "signerName": "a.io/b", "usages": ["any"]}}),
            &[],
        );
        check(
            &CERTIFICATE_SIGNING_REQUEST,
            json!({"spec": {}}),
            &[
                "spec.request: Invalid value: \"null\": PEM block type must be CERTIFICATE REQUEST",
                "spec.usages: Required value: usages must be provided",
                "spec.signerName: Required value: signerName must be provided",
            ],
        );
        check(
            &CERTIFICATE_SIGNING_REQUEST,
            json!({"spec": {"signerName": "x", "usages": ["y"], "expirationSeconds": 5}}).clone(),
            &[
                "spec.request: Invalid value: \"null\": PEM block type must be CERTIFICATE REQUEST",
                &format!(
                    "spec.usages[0]: Unsupported value: \"y\": supported values: {}",
                    USAGES.iter().map(|u| format!("\"{u}\"")).collect::<Vec<_>>().join(", ")
                ),
                "spec.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
                "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)",
            ],
        );
    }

    #[test]
    fn the_requester_is_who_asks() {
        let mut obj = json!({"spec": {"username": "root", "groups": ["system:masters"]}});
        CERTIFICATE_SIGNING_REQUEST.prepare_create(&context(), &mut obj);
        assert_eq!(obj["spec"], json!({"username": "tester"}));
        let mut cx = context();
        let user = Arc::make_mut(&mut cx.user);
        user.groups = vec!["g".to_owned()];
        user.extra.insert("k".to_owned(), vec!["v".to_owned()]);
        CERTIFICATE_SIGNING_REQUEST.prepare_create(&cx, &mut obj);
        assert_eq!(obj["spec"], json!({"username": "tester", "groups": ["g"], "extra": {"k": ["v"]}}));
    }

    #[test]
    fn cells() {
        check_cells(
            &CERTIFICATE_SIGNING_REQUEST,
            &json!({"metadata": {"name": "c"}, "spec": {"signerName": "a.io/b", "username": "u", "expirationSeconds": 3600},
                "status": {"conditions": [{"type": "Approved"}], "certificate": "eA=="}}),
            &["c", "<unknown>", "a.io/b", "u", "60m", "Approved,Issued"],
        );
    }
}
