//! PersistentVolume (`pkg/apis/core/validation: ValidatePersistentVolume @ v1.36`).

use serde_json::{Value, json};

use super::volumes::{self, access_modes, class, phase};
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_unset, same, set, text};
use crate::kinds::kind::Kind;
use crate::kinds::podspec::affinity;
use crate::kinds::printing::UNSET;
use crate::names;

/// The fields of a spec that name the storage itself.
const SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// The behaviour of PersistentVolumes.
pub static PERSISTENT_VOLUME: Kind = Kind {
    default,
    prepare_create: |cx, obj| {
        set(obj, "status", json!({"phase": "Pending", "lastPhaseTransitionTime": crate::time::format(cx.now)}));
    },
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::text("Capacity", "/spec/capacity/storage", "Size of the volume."),
        Column::shown("Access Modes", |obj| access_modes(obj, "/spec/accessModes"), "Ways the volume can be mounted."),
        Column::text("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy", "What happens when the claim is gone."),
        Column::picked("Status", phase, "Phase of the volume's life."),
        Column::shown("Claim", claim, "Claim the volume is bound to."),
        Column::picked("StorageClass", class, "Class the volume belongs to."),
        Column::text("VolumeAttributesClass", "/spec/volumeAttributesClassName", "Class of changeable attributes.")
            .or(UNSET),
        Column::text("Reason", "/status/reason", "Why the volume is in its phase."),
        Column::AGE,
        Column::text("VolumeMode", "/spec/volumeMode", "Filesystem or Block.").or(UNSET).wide(),
    ],
    ..Kind::STATUS
};

fn default(obj: &mut Value) {
    if let Some(spec) = ensure(obj, "spec") {
        fill_zero(spec, "persistentVolumeReclaimPolicy", "Retain");
        fill(spec, "volumeMode", "Filesystem");
        if let Some(host) = spec.get_mut("hostPath").filter(|h| h.is_object()) {
            fill(host, "type", "");
        }
        if let Some(claim) = spec.get_mut("claimRef").filter(|c| c.is_object()) {
            fill_zero(claim, "kind", "PersistentVolumeClaim");
            fill_zero(claim, "apiVersion", "v1");
        }
    }
    if let Some(status) = ensure(obj, "status") {
        fill_zero(status, "phase", "Pending");
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    volumes::validate_access_modes(&spec, errs);
    let capacity = spec.child("capacity");
    spec.child("storageClassName").check_given(names::is_dns1123_subdomain, errs);
    if capacity.is_empty() {
        errs.required(&capacity);
    }
    if capacity.object().is_none_or(|c| !c.contains_key("storage") || c.len() > 1) {
        errs.not_supported(&capacity, &["storage"]);
    }
    for (_, amount) in capacity.entries() {
        volumes::positive(&amount, errs);
    }
    spec.child("persistentVolumeReclaimPolicy").one_of(&["Delete", "Recycle", "Retain"], errs);
    let named: Vec<At<'_>> = SOURCES.iter().map(|s| spec.child(*s)).filter(At::exists).collect();
    for extra in named.iter().skip(1) {
        errs.forbidden(extra, "may not specify more than 1 volume type");
    }
    if named.is_empty() {
        errs.required_because(&spec, "must specify a volume type");
    }
    source(&spec, errs);
    spec.child("volumeMode").one_of(&["Block", "Filesystem"], errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
    let spec = At::root(new).child("spec");
    let stored = old.get("spec").unwrap_or(&Value::Null);
    if SOURCES.iter().any(|s| !same(spec.child(*s).value, stored.get(s))) {
        errs.forbidden(
            &spec.child("persistentvolumesource"),
            "spec.persistentvolumesource is immutable after creation",
        );
    }
    let mode = spec.child("volumeMode");
    if !same(mode.value, stored.get("volumeMode")) {
        errs.invalid(&mode, "field is immutable");
    }
    let affinity = spec.child("nodeAffinity");
    if !is_unset(stored.get("nodeAffinity")) && !same(affinity.value, stored.get("nodeAffinity")) {
        errs.invalid(&affinity, "field is immutable");
    }
}

fn source(spec: &At<'_>, errs: &mut Errors) {
    let host = spec.child("hostPath");
    if host.exists() {
        let path = host.child("path");
        path.require(errs);
        if path.text().split('/').any(|part| part == "..") {
            errs.invalid(&path, "must not contain '..'");
        }
        if path.text() == "/" && text(spec.value.unwrap_or(&Value::Null), "/persistentVolumeReclaimPolicy") == "Recycle"
        {
            errs.forbidden(
                &spec.child("persistentVolumeReclaimPolicy"),
                "may not be 'recycle' for a hostPath mount of '/'",
            );
        }
    }
    let local = spec.child("local");
    if local.exists() {
        local.child("path").require(errs);
        if !spec.child("nodeAffinity").exists() {
            errs.required_because(&spec.child("nodeAffinity"), "Local volume requires node affinity");
        }
    }
    for (kind, fields) in [("nfs", ["server", "path"]), ("csi", ["driver", "volumeHandle"])] {
        let at = spec.child(kind);
        if at.exists() {
            for field in fields {
                at.child(field).require(errs);
            }
        }
    }
    let required = spec.child("nodeAffinity").child("required");
    if required.exists() {
        affinity::node_selector(&required, errs);
    } else if spec.child("nodeAffinity").exists() {
        errs.required_because(&required, "must specify required node constraints");
    }
}

fn claim(obj: &Value) -> String {
    match text(obj, "/spec/claimRef/name") {
        "" => String::new(),
        claim => format!("{}/{claim}", text(obj, "/spec/claimRef/namespace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    fn volume() -> Value {
        json!({"metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}})
    }

    #[test]
    fn a_volume_has_size_modes_and_one_source() {
        check(&PERSISTENT_VOLUME, volume(), &[]);
        check(
            &PERSISTENT_VOLUME,
            json!({"spec": {}}),
            &[
                "spec.accessModes: Required value",
                "spec.capacity: Required value",
                "spec.capacity: Unsupported value: \"null\": supported values: \"storage\"",
                "spec: Required value: must specify a volume type",
            ],
        );
        let mut new = volume();
        new["spec"]["hostPath"]["path"] = json!("/y");
        check_update(
            &PERSISTENT_VOLUME,
            volume(),
            new,
            &["spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"],
        );
    }

    #[test]
    fn cells() {
        let mut obj = volume();
        obj["status"] = json!({"phase": "Bound"});
        obj["spec"]["claimRef"] = json!({"namespace": "ns", "name": "c"});
        check_cells(
            &PERSISTENT_VOLUME,
            &obj,
            &["v", "1Gi", "RWO", "", "Bound", "ns/c", "", "<unset>", "", "<unknown>", "<unset>"],
        );
    }

    #[test]
    fn the_class_has_a_name() {
        let mut volume = volume();
        volume["spec"]["storageClassName"] = json!("A_b");
        let errors = Errors::of(|errs| validate(&volume, errs)).to_string();
        assert!(
            errors.starts_with("spec.storageClassName: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain"),
            "{errors}"
        );
    }
}
