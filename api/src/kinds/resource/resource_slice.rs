//! ResourceSlice.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::convert;
use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{is_true, text};
use crate::kinds::printing::{UNSET, age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::names;

/// The behaviour of ResourceSlices.
pub struct ResourceSlice;

const MAX_DEVICES: usize = 128;
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Node", "string", "Node that has the devices."),
    Column::new("Driver", "string", "Driver of the devices."),
    Column::new("Pool", "string", "Pool of the devices."),
    Column::AGE,
];

impl Strategy for ResourceSlice {
    fn convert(&self, obj: &mut Value, from: &str, to: &str) {
        convert::slice(obj, from, to);
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let driver = spec.child("driver");
        if driver.require(&mut errs) {
            driver.check(names::is_dns1123_subdomain, &mut errs);
        }
        let pool = spec.child("pool");
        pool.child("name").require(&mut errs);
        if pool.child("resourceSliceCount").i64().is_none_or(|n| n <= 0) {
            let at = pool.child("resourceSliceCount");
            errs.invalid_value(&at, at.i64().unwrap_or(0), "must be greater than zero");
        }
        place(&spec, &mut errs);
        let devices = spec.child("devices");
        if devices.len() > MAX_DEVICES {
            errs.too_many(&devices, devices.len(), MAX_DEVICES);
        }
        let mut seen = HashSet::new();
        for device in devices.items() {
            let name = device.child("name");
            if name.require(&mut errs) {
                name.check(names::is_dns1123_label, &mut errs);
                if !seen.insert(name.text()) {
                    errs.duplicate(&name);
                }
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        let spec = At::root(new).child("spec");
        for field in ["driver", "nodeName"] {
            immutable(&spec.child(field), old.get("spec").and_then(|s| s.get(field)), &mut errs);
        }
        immutable(&spec.child("pool").child("name"), old.pointer("/spec/pool/name"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let node = match text(obj, "/spec/nodeName") {
            "" if is_true(obj, "/spec/allNodes") => "<all>",
            "" if obj.pointer("/spec/nodeSelector").is_some_and(Value::is_object) => "<selector>",
            "" => UNSET,
            node => node,
        };
        vec![
            name(obj),
            node.into(),
            text(obj, "/spec/driver").into(),
            text(obj, "/spec/pool/name").into(),
            age(obj, now),
        ]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &["spec.nodeName", "spec.driver"]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        vec![("spec.nodeName", text(obj, "/spec/nodeName").into()), ("spec.driver", text(obj, "/spec/driver").into())]
    }
}

/// Checks that exactly one field says where the devices are.
fn place(spec: &At<'_>, errs: &mut Errors) {
    let named = [
        !spec.child("nodeName").is_empty(),
        spec.child("nodeSelector").exists(),
        spec.child("allNodes").is_true(),
        spec.child("perDeviceNodeSelection").is_true(),
    ];
    match named.into_iter().filter(|set| *set).count() {
        0 if !spec.child("sharedCounters").is_empty() => {}
        0 => errs.required_because(spec, "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"),
        1 => {}
        _ => errs.invalid(
            spec,
            "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn fields() {
        let obj = json!({"metadata": {"name": "s"}, "spec": {"driver": "d.io", "pool": {"name": "p", "resourceSliceCount": 1}, "nodeName": "n", "devices": [{"name": "d"}]}});
        check(&ResourceSlice, obj.clone(), &[]);
        check_cells(&ResourceSlice, &obj, &["s", "n", "d.io", "p", "<unknown>"]);
        check(
            &ResourceSlice,
            json!({"spec": {"driver": "d.io", "pool": {"name": "p"}, "allNodes": true}}),
            &["spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"],
        );
    }
}
