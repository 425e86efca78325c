//! DeviceClass.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::kind::Kind;
use crate::names;

const MAX_SELECTORS: usize = 32;

/// The behaviour of DeviceClasses.
pub static DEVICE_CLASS: Kind = Kind { validate, ..Kind::COUNTED };

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    selectors(&spec.child("selectors"), errs);
    for config in spec.child("config").items() {
        opaque(&config, errs);
    }
}

/// Checks device selectors: a CEL expression each.
pub fn selectors(all: &At<'_>, errs: &mut Errors) {
    if all.len() > MAX_SELECTORS {
        errs.too_many(all, all.len(), MAX_SELECTORS);
    }
    for selector in all.items() {
        let cel = selector.child("cel");
        if cel.exists() {
            cel.child("expression").require(errs);
        } else {
            errs.required(&cel);
        }
    }
}

/// Checks one configuration: a driver and its parameters.
pub fn opaque(config: &At<'_>, errs: &mut Errors) {
    let opaque = config.child("opaque");
    if !opaque.exists() {
        errs.required(&opaque);
        return;
    }
    opaque.child("driver").require_valid(names::is_dns1123_subdomain, errs);
    if !opaque.child("parameters").exists() {
        errs.required(&opaque.child("parameters"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(&DEVICE_CLASS, json!({"spec": {"selectors": [{"cel": {"expression": "true"}}]}}), &[]);
        check(
            &DEVICE_CLASS,
            json!({"spec": {"selectors": [{}], "config": [{}]}}),
            &["spec.selectors[0].cel: Required value", "spec.config[0].opaque: Required value"],
        );
    }
}
