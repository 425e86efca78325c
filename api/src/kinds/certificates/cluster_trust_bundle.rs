//! ClusterTrustBundle.

use serde_json::Value;

use super::certificate_signing_request::signer_name;
use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::meta;
use crate::names::Verdict;

/// The behaviour of ClusterTrustBundles.
pub static CLUSTER_TRUST_BUNDLE: Kind = Kind {
    validate,
    immutable: &["spec.signerName"],
    columns: &[Column::NAME, Column::text("SignerName", "/spec/signerName", "Signer the bundle belongs to.").or(NONE)],
    selectable: &[Selectable::text("spec.signerName", "/spec/signerName")],
    name: validate_name,
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let spec = root.child("spec");
    let (signer, name) = (spec.child("signerName"), meta::name(obj));
    let at = root.child("metadata").child("name");
    if signer.is_empty() {
        if name.contains(':') {
            errs.invalid_value(&at, name, "ClusterTrustBundle without signer name must not have \":\" in its name");
        }
    } else {
        signer_name(&signer, errs);
        let prefix = format!("{}:", signer.text().replace('/', ":"));
        if !name.starts_with(&prefix) {
            errs.invalid_value(
                &at,
                name,
                format!("ClusterTrustBundle for signerName {} must be named with prefix {prefix}", signer.text()),
            );
        }
    }
    let bundle = spec.child("trustBundle");
    if bundle.text().trim().is_empty() {
        errs.required_because(&bundle, "at least one trust anchor must be specified");
    }
}

fn validate_name(name: &str) -> Verdict {
    match name.rsplit_once(':') {
        Some((_, last)) => crate::names::is_dns1123_subdomain(last),
        None => crate::names::is_dns1123_subdomain(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn names_carry_the_signer() {
        check(
            &CLUSTER_TRUST_BUNDLE,
            json!({"metadata": {"name": "a.io:b:c"}, "spec": {"signerName": "a.io/b", "trustBundle": "x"}}),
            &[],
        );
        check(
            &CLUSTER_TRUST_BUNDLE,
            json!({"metadata": {"name": "c"}, "spec": {"signerName": "a.io/b", "trustBundle": "x"}}),
            &[
                "metadata.name: Invalid value: \"c\": ClusterTrustBundle for signerName a.io/b must be named with prefix a.io:b:",
            ],
        );
    }
}
