//! The sources a volume can have: one row each, with the fields it requires and what else is checked.

use std::collections::BTreeSet;

use super::env::{VOLUME_FIELDS, field_ref, resource_field_ref};
use super::spec::Of;
use crate::field::{At, Errors};
use crate::kinds::common::checks::{descending_path, file_mode, in_range, no_backsteps, unreserved_path};
use crate::names;
use crate::quantity::Quantity;

/// One kind of volume source.
pub struct Source {
    /// Field of the volume.
    pub field: &'static str,
    /// Fields that must not be empty.
    pub required: &'static [&'static str],
    /// Everything else.
    pub check: fn(&At<'_>, Of, &mut Errors),
}

const fn source(field: &'static str, required: &'static [&'static str], check: fn(&At<'_>, Of, &mut Errors)) -> Source {
    Source { field, required, check }
}

const fn plain(field: &'static str, required: &'static [&'static str]) -> Source {
    source(field, required, |_, _, _| {})
}

/// Every source, in the order upstream looks at them.
pub static SOURCES: &[Source] = &[
    source("emptyDir", &[], empty_dir),
    source("hostPath", &["path"], host_path),
    source("gitRepo", &["repository"], |at, _, errs| descending_path(&at.child("directory"), errs)),
    source("gcePersistentDisk", &["pdName"], |at, _, errs| in_range(&at.child("partition"), 0, 255, errs)),
    source("awsElasticBlockStore", &["volumeID"], |at, _, errs| in_range(&at.child("partition"), 0, 255, errs)),
    source("secret", &["secretName"], keys),
    source("nfs", &["server", "path"], nfs),
    plain("iscsi", &["targetPortal", "iqn"]),
    source("glusterfs", &["endpoints", "path"], |at, _, errs| no_backsteps(&at.child("path"), errs)),
    plain("flocker", &[]),
    plain("rbd", &["monitors", "image"]),
    plain("cinder", &["volumeID"]),
    plain("cephfs", &["monitors"]),
    plain("quobyte", &["registry", "volume"]),
    source("downwardAPI", &[], downward),
    plain("fc", &[]),
    plain("flexVolume", &["driver"]),
    source("configMap", &["name"], keys),
    plain("azureFile", &["secretName", "shareName"]),
    plain("vsphereVolume", &["volumePath"]),
    plain("photonPersistentDisk", &["pdID"]),
    plain("portworxVolume", &["volumeID"]),
    plain("azureDisk", &["diskName", "diskURI"]),
    plain("storageos", &["volumeName"]),
    source("projected", &[], projected),
    plain("scaleIO", &["gateway", "system", "volumeName"]),
    plain("persistentVolumeClaim", &["claimName"]),
    source("csi", &["driver"], csi),
    source("ephemeral", &["volumeClaimTemplate"], ephemeral),
    source("image", &[], image),
];

fn empty_dir(at: &At<'_>, _: Of, errs: &mut Errors) {
    let limit = at.child("sizeLimit");
    if limit.value.and_then(|v| Quantity::from_value(v).ok()).is_some_and(Quantity::is_negative) {
        errs.forbidden(&limit, "SizeLimit field must be a valid resource quantity");
    }
}

fn host_path(at: &At<'_>, _: Of, errs: &mut Errors) {
    const TYPES: &[&str] =
        &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    no_backsteps(&at.child("path"), errs);
    at.child("type").one_of(TYPES, errs);
}

fn nfs(at: &At<'_>, _: Of, errs: &mut Errors) {
    let path = at.child("path");
    if !path.text().starts_with('/') {
        errs.invalid_value(&path, path.text(), "must be an absolute path");
    }
}

/// Mode and key-to-path items of a secret or config map.
fn keys(at: &At<'_>, _: Of, errs: &mut Errors) {
    file_mode(&at.child("defaultMode"), errs);
    items(at, errs);
}

fn items(at: &At<'_>, errs: &mut Errors) {
    for item in at.child("items").items() {
        item.child("key").require(errs);
        if item.child("path").require(errs) {
            unreserved_path(&item.child("path"), errs);
        }
        file_mode(&item.child("mode"), errs);
    }
}

fn downward(at: &At<'_>, _: Of, errs: &mut Errors) {
    file_mode(&at.child("defaultMode"), errs);
    downward_items(at, errs);
}

fn downward_items(at: &At<'_>, errs: &mut Errors) {
    for item in at.child("items").items() {
        item.child("path").require(errs);
        unreserved_path(&item.child("path"), errs);
        let (field, resource) = (item.child("fieldRef"), item.child("resourceFieldRef"));
        match (field.exists(), resource.exists()) {
            (true, both) => {
                field_ref(&field, VOLUME_FIELDS, errs);
                if both {
                    errs.invalid_value(
                        &item,
                        "resource",
                        "fieldRef and resourceFieldRef can not be specified simultaneously",
                    );
                }
            }
            (false, true) => resource_field_ref(&resource, true, errs),
            (false, false) => errs.required_because(&item, "one of fieldRef and resourceFieldRef is required"),
        }
        file_mode(&item.child("mode"), errs);
    }
}

fn projected(at: &At<'_>, _: Of, errs: &mut Errors) {
    const KINDS: &[&str] =
        &["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];
    file_mode(&at.child("defaultMode"), errs);
    let mut paths = BTreeSet::new();
    for source in at.child("sources").items() {
        let mut found = false;
        for kind in KINDS {
            let projection = source.child(*kind);
            if !projection.exists() {
                continue;
            }
            if found {
                errs.forbidden(&projection, "may not specify more than 1 volume type");
                continue;
            }
            found = true;
            self::projection(kind, &projection, errs);
            for target in targets(kind, &projection) {
                if !paths.insert(target) {
                    errs.invalid_value(&at.child("sources").path, target, "conflicting duplicate paths");
                }
            }
        }
        if !found {
            errs.required_because(&source, "must specify a volume source");
        }
    }
}

fn projection(kind: &str, at: &At<'_>, errs: &mut Errors) {
    match kind {
        "secret" | "configMap" => {
            at.child("name").require(errs);
            items(at, errs);
        }
        "downwardAPI" => downward_items(at, errs),
        "serviceAccountToken" => {
            let seconds = at.child("expirationSeconds");
            if seconds.i64().is_some_and(|s| s < 600) {
                errs.invalid(&seconds, "may not specify a duration less than 10 minutes");
            } else if seconds.i64().is_some_and(|s| s > 1 << 32) {
                errs.invalid(&seconds, "may not be larger than 2^32 seconds");
            }
            at.child("path").require(errs);
            unreserved_path(&at.child("path"), errs);
        }
        "clusterTrustBundle" => {
            at.child("path").require(errs);
            unreserved_path(&at.child("path"), errs);
        }
        _ => {}
    }
}

fn targets<'a>(kind: &str, at: &At<'a>) -> Vec<&'a str> {
    if matches!(kind, "serviceAccountToken" | "clusterTrustBundle") {
        return vec![at.child("path").text()];
    }
    at.child("items").items().map(|item| item.child("path").text()).filter(|p| !p.is_empty()).collect()
}

fn csi(at: &At<'_>, _: Of, errs: &mut Errors) {
    let driver = at.child("driver");
    if driver.len() > 63 {
        errs.too_long(&driver, 63);
    }
    errs.invalid_each(&driver, driver.text(), names::is_dns1123_subdomain(&driver.text().to_lowercase()));
    let secret = at.child("nodePublishSecretRef");
    if secret.exists() {
        secret.child("name").require(errs);
    }
}

fn ephemeral(at: &At<'_>, _: Of, errs: &mut Errors) {
    let spec = at.child("volumeClaimTemplate").child("spec");
    if !spec.exists() {
        return;
    }
    let modes = spec.child("accessModes");
    modes.require_because("at least 1 access mode is required", errs);
    for mode in modes.items() {
        mode_of_access(&mode, &modes, errs);
    }
    let storage = spec.child("resources").child("requests").key("storage");
    if !storage.exists() {
        errs.required(&storage);
    }
}

fn mode_of_access(mode: &At<'_>, modes: &At<'_>, errs: &mut Errors) {
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    if !MODES.contains(&mode.text()) {
        errs.not_supported_value(&modes.path, mode.text(), MODES);
    }
}

fn image(at: &At<'_>, of: Of, errs: &mut Errors) {
    if of == Of::Pod {
        at.child("reference").require(errs);
    }
    at.child("pullPolicy").require_one_of(&["Always", "IfNotPresent", "Never"], errs);
}
