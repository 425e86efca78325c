//! ClusterTrustBundle.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::certificate_signing_request::signer_name;
use crate::field::{At, Errors};
use crate::kinds::common::cells::text_or;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::text;
use crate::kinds::printing::{NONE, name};
use crate::kinds::{Column, Strategy};
use crate::meta;

/// The behaviour of ClusterTrustBundles.
pub struct ClusterTrustBundle;

const COLUMNS: &[Column] = &[Column::NAME, Column::new("SignerName", "string", "Signer the bundle belongs to.")];

impl Strategy for ClusterTrustBundle {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let spec = root.child("spec");
        let (signer, name) = (spec.child("signerName"), meta::name(obj));
        let at = root.child("metadata").child("name");
        if signer.is_empty() {
            if name.contains(':') {
                errs.invalid_value(&at, name, "ClusterTrustBundle without signer name must not have \":\" in its name");
            }
        } else {
            signer_name(&signer, &mut errs);
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
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        immutable(&At::root(new).child("spec").child("signerName"), old.pointer("/spec/signerName"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        vec![name(obj), text_or(obj, "/spec/signerName", NONE)]
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        match name.rsplit_once(':') {
            Some((_, last)) => crate::names::is_dns1123_subdomain(last),
            None => crate::names::is_dns1123_subdomain(name),
        }
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("spec.signerName", text(obj, "/spec/signerName").into())]
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
            &ClusterTrustBundle,
            json!({"metadata": {"name": "a.io:b:c"}, "spec": {"signerName": "a.io/b", "trustBundle": "x"}}),
            &[],
        );
        check(
            &ClusterTrustBundle,
            json!({"metadata": {"name": "c"}, "spec": {"signerName": "a.io/b", "trustBundle": "x"}}),
            &[
                "metadata.name: Invalid value: \"c\": ClusterTrustBundle for signerName a.io/b must be named with prefix a.io:b:",
            ],
        );
    }
}
