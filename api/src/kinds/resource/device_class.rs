//! DeviceClass.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, start};
use crate::kinds::{Context, Strategy};
use crate::names;

/// The behaviour of DeviceClasses.
pub struct DeviceClass;

const MAX_SELECTORS: usize = 32;

impl Strategy for DeviceClass {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        selectors(&spec.child("selectors"), &mut errs);
        for config in spec.child("config").items() {
            opaque(&config, &mut errs);
        }
        errs
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
    let driver = opaque.child("driver");
    if driver.require(errs) {
        driver.check(names::is_dns1123_subdomain, errs);
    }
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
        check(&DeviceClass, json!({"spec": {"selectors": [{"cel": {"expression": "true"}}]}}), &[]);
        check(
            &DeviceClass,
            json!({"spec": {"selectors": [{}], "config": [{}]}}),
            &["spec.selectors[0].cel: Required value", "spec.config[0].opaque: Required value"],
        );
    }
}
