//! VolumeAttachment.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::checks::csi_driver_name;
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of VolumeAttachments.
pub static VOLUME_ATTACHMENT: Kind = Kind {
    validate,
    immutable: &["spec"],
    columns: &[
        Column::NAME,
        Column::text("Attacher", "/spec/attacher", "Driver that attaches.").naming(),
        Column::text("PV", "/spec/source/persistentVolumeName", "Volume to attach."),
        Column::text("Node", "/spec/nodeName", "Node to attach it to."),
        Column::flag("Attached", "/status/attached", "Whether it is attached."),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::STATUS
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    csi_driver_name(&spec.child("attacher"), errs);
    let source = spec.child("source");
    let (volume, inline) = (source.child("persistentVolumeName"), source.child("inlineVolumeSpec"));
    match (volume.exists(), inline.exists()) {
        (false, false) => {
            errs.required_because(&source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        }
        (true, true) => {
            errs.forbidden(&source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
        }
        (true, false) => volume.check(names::is_dns1123_subdomain, errs),
        (false, true) => {}
    }
    let node = spec.child("nodeName");
    node.check(names::is_dns1123_subdomain, errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(
            &VOLUME_ATTACHMENT,
            json!({"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}}),
            &[],
        );
        check(
            &VOLUME_ATTACHMENT,
            json!({"spec": {"nodeName": "n"}}),
            &[
                "spec.attacher: Required value",
                "spec.attacher: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ],
        );
    }
}
