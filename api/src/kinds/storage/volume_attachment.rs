//! VolumeAttachment.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{drop_status, keep_status};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{is_true, text};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::names;

/// The behaviour of VolumeAttachments.
pub struct VolumeAttachment;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Attacher", "string", "Driver that attaches."),
    Column::new("PV", "string", "Volume to attach."),
    Column::new("Node", "string", "Node to attach it to."),
    Column::new("Attached", "boolean", "Whether it is attached."),
    Column::AGE,
];

impl Strategy for VolumeAttachment {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let attacher = spec.child("attacher");
        if attacher.require(&mut errs) {
            attacher.check(|text| names::is_dns1123_subdomain(&text.to_lowercase()), &mut errs);
        }
        let source = spec.child("source");
        let (volume, inline) = (source.child("persistentVolumeName"), source.child("inlineVolumeSpec"));
        match (volume.exists(), inline.exists()) {
            (false, false) => {
                errs.required_because(&source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
            }
            (true, true) => {
                errs.forbidden(&source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
            }
            (true, false) => volume.check(names::is_dns1123_subdomain, &mut errs),
            (false, true) => {}
        }
        let node = spec.child("nodeName");
        node.check(names::is_dns1123_subdomain, &mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        immutable(&At::root(new).child("spec"), old.get("spec"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            name(obj),
            text(obj, "/spec/attacher").into(),
            text(obj, "/spec/source/persistentVolumeName").into(),
            text(obj, "/spec/nodeName").into(),
            is_true(obj, "/status/attached").into(),
            age(obj, now),
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
        check(
            &VolumeAttachment,
            json!({"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}}),
            &[],
        );
        check(
            &VolumeAttachment,
            json!({"spec": {"nodeName": "n"}}),
            &[
                "spec.attacher: Required value",
                "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ],
        );
    }
}
