//! Defaults of volumes (`SetDefaults_Volume` and the volume sources it reaches).

use serde_json::{Map, Value, json};

use super::defaults::{field_ref, resource_field_ref};
use super::{images, resources};
use crate::kinds::common::values::{each, fill, fill_zero, is_unset, set, text, within};

/// Mode of projected files when none is given: 0644.
pub const DEFAULT_FILE_MODE: i64 = 0o644;

/// Plain fields of volume sources: source, field, default. Unset or zero is filled.
const FILLED: &[(&str, &str, &str)] = &[
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("azureDisk", "cachingMode", "ReadWrite"),
    ("azureDisk", "kind", "Shared"),
    ("azureDisk", "fsType", "ext4"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
    ("scaleIO", "fsType", "xfs"),
];

/// Fills the volumes of a pod spec. A volume without a source is an `emptyDir`.
pub fn volumes(spec: &mut Value) {
    each(spec, "volumes", volume);
}

fn volume(volume: &mut Value) {
    let bare = volume.as_object().is_some_and(|map| map.iter().all(|(k, v)| k == "name" || v.is_null()));
    if bare {
        set(volume, "emptyDir", Map::new());
    }
    for (source, field, default) in FILLED {
        within(volume, source, |source| fill_zero(source, field, *default));
    }
    within(volume, "azureDisk", |disk| fill(disk, "readOnly", false));
    within(volume, "emptyDir", |dir| within(dir, "sizeLimit", resources::canonical_quantity));
    within(volume, "hostPath", |path| fill(path, "type", ""));
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        within(volume, source, |source| fill(source, "defaultMode", DEFAULT_FILE_MODE));
    }
    within(volume, "downwardAPI", downward_items);
    within(volume, "projected", |projected| each(projected, "sources", projection));
    within(volume, "image", |image| {
        let policy = images::default_pull_policy(text(image, "/reference"));
        fill_zero(image, "pullPolicy", policy);
    });
    within(volume, "ephemeral", |ephemeral| {
        within(ephemeral, "volumeClaimTemplate", |template| {
            fill(template, "metadata", json!({}));
            within(template, "spec", claim_spec);
        });
    });
}

/// Fills the spec of a persistent volume claim.
pub fn claim_spec(spec: &mut Value) {
    fill(spec, "volumeMode", "Filesystem");
    if is_unset(spec.get("resources")) {
        set(spec, "resources", Map::new());
    }
    within(spec, "resources", resources::canonical);
}

fn projection(source: &mut Value) {
    within(source, "downwardAPI", downward_items);
    within(source, "serviceAccountToken", |token| fill(token, "expirationSeconds", 3600));
}

fn downward_items(source: &mut Value) {
    each(source, "items", |item| {
        within(item, "fieldRef", field_ref);
        within(item, "resourceFieldRef", resource_field_ref);
    });
}
