//! Validation of volume mounts and raw block devices of a container.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::checks::{Seen, descending_path, no_backsteps};

/// Validates `volumeMounts` and `volumeDevices` against the pod's volumes.
pub fn validate(container: &At<'_>, volumes: &BTreeMap<&str, &Value>, errs: &mut Errors) {
    let (mounts, devices) = (container.child("volumeMounts"), container.child("volumeDevices"));
    let mut paths = Seen::default();
    for mount in mounts.items() {
        let (name, path) = (mount.child("name"), mount.child("mountPath"));
        name.require(errs);
        if !volumes.contains_key(name.text()) {
            errs.not_found_value(&name, name.text());
        }
        path.require(errs);
        if !paths.insert(path.text()) {
            errs.invalid_value(&path, path.text(), "must be unique");
        }
        if devices.items().any(|d| d.child("name").text() == name.text()) {
            errs.invalid(&name, "must not already exist in volumeDevices");
        }
        if devices.items().any(|d| d.child("devicePath").text() == path.text()) {
            errs.invalid(&path, "must not already exist as a path in volumeDevices");
        }
        options(&mounts, &mount, container, errs);
    }
    self::devices(&devices, &mounts, volumes, errs);
}

fn options(mounts: &At<'_>, mount: &At<'_>, container: &At<'_>, errs: &mut Errors) {
    // Upstream reports these without the index.
    let unindexed = |field: &'static str| At::new(mount.child(field).value, mounts.path.child(field));
    descending_path(&unindexed("subPath"), errs);
    let expression = mount.child("subPathExpr");
    if !expression.is_empty() {
        if !mount.child("subPath").is_empty() {
            errs.invalid(&expression, "subPathExpr and subPath are mutually exclusive");
        }
        descending_path(&unindexed("subPathExpr"), errs);
    }
    let propagation = unindexed("mountPropagation");
    propagation.one_of(&["Bidirectional", "HostToContainer", "None"], errs);
    if propagation.text() == "Bidirectional" && !container.child("securityContext").child("privileged").is_true() {
        errs.forbidden(&propagation, "Bidirectional mount propagation is available only to privileged containers");
    }
    let recursive = unindexed("recursiveReadOnly");
    recursive.one_of(&["Disabled", "Enabled", "IfPossible"], errs);
    if ["Enabled", "IfPossible"].contains(&recursive.text()) {
        if !mount.child("readOnly").is_true() {
            errs.forbidden(&recursive, "may only be specified when readOnly is true");
        }
        if !["", "None"].contains(&propagation.text()) {
            errs.forbidden(&recursive, "may only be specified when mountPropagation is None or not specified");
        }
    }
}

fn devices(devices: &At<'_>, mounts: &At<'_>, volumes: &BTreeMap<&str, &Value>, errs: &mut Errors) {
    let (mut names, mut paths) = (Seen::default(), Seen::default());
    for device in devices.items() {
        let (name, path) = (device.child("name"), device.child("devicePath"));
        name.require(errs);
        path.require(errs);
        if !path.is_empty() {
            no_backsteps(&path, errs);
        }
        if !names.insert(name.text()) {
            errs.invalid_value(&name, name.text(), "must be unique");
        }
        if !paths.insert(path.text()) {
            errs.invalid_value(&path, path.text(), "must be unique");
        }
        match volumes.get(name.text()) {
            None => errs.not_found_value(&name, name.text()),
            Some(volume) if volume.get("persistentVolumeClaim").is_none() && volume.get("ephemeral").is_none() => {
                errs.invalid(
                    &name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                );
            }
            Some(_) => {}
        }
        if mounts.items().any(|m| m.child("name").text() == name.text()) {
            errs.invalid(&name, "must not already exist in volumeMounts");
        }
        if mounts.items().any(|m| m.child("mountPath").text() == path.text()) {
            errs.invalid(&path, "must not already exist as a path in volumeMounts");
        }
    }
}
