//! ResourceSlice.

use std::collections::HashSet;

use serde_json::Value;

use super::convert;
use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::values::{is_true, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::UNSET;
use crate::names;

const MAX_DEVICES: usize = 128;
/// The behaviour of ResourceSlices.
pub static RESOURCE_SLICE: Kind = Kind {
    convert,
    validate,
    immutable: &["spec.driver", "spec.nodeName", "spec.pool.name"],
    columns: &[
        Column::NAME,
        Column::picked("Node", node, "Node that has the devices."),
        Column::text("Driver", "/spec/driver", "Driver of the devices."),
        Column::text("Pool", "/spec/pool/name", "Pool of the devices."),
        Column::AGE,
    ],
    selectable: &[Selectable::text("spec.nodeName", "/spec/nodeName"), Selectable::text("spec.driver", "/spec/driver")],
    ..Kind::COUNTED
};

fn convert(obj: &mut Value, from: &str, to: &str) {
    convert::slice(obj, from, to);
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    spec.child("driver").require_valid(names::is_dns1123_subdomain, errs);
    let pool = spec.child("pool");
    pool.child("name").require(errs);
    if pool.child("resourceSliceCount").i64().is_none_or(|n| n <= 0) {
        let at = pool.child("resourceSliceCount");
        errs.invalid_value(&at, at.i64().unwrap_or(0), "must be greater than zero");
    }
    place(&spec, errs);
    let devices = spec.child("devices");
    if devices.len() > MAX_DEVICES {
        errs.too_many(&devices, devices.len(), MAX_DEVICES);
    }
    let mut seen = HashSet::new();
    for device in devices.items() {
        let name = device.child("name");
        if name.require(errs) {
            name.check(names::is_dns1123_label, errs);
            if !seen.insert(name.text()) {
                errs.duplicate(&name);
            }
        }
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

fn node(obj: &Value) -> &str {
    match text(obj, "/spec/nodeName") {
        "" if is_true(obj, "/spec/allNodes") => "<all>",
        "" if obj.pointer("/spec/nodeSelector").is_some_and(Value::is_object) => "<selector>",
        "" => UNSET,
        node => node,
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
        check(&RESOURCE_SLICE, obj.clone(), &[]);
        check_cells(&RESOURCE_SLICE, &obj, &["s", "n", "d.io", "p", "<unknown>"]);
        check(
            &RESOURCE_SLICE,
            json!({"spec": {"driver": "d.io", "pool": {"name": "p"}, "allNodes": true}}),
            &["spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"],
        );
    }
}
