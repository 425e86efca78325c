//! PersistentVolumeClaim (`pkg/apis/core/validation: ValidatePersistentVolumeClaim @ v1.36`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::volumes::{self, access_modes, class};
use crate::field::{At, Errors};
use crate::kinds::common::cells::text_or;
use crate::kinds::common::generation::carry;
use crate::kinds::common::resources::quantity;
use crate::kinds::common::selector;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_zero, remove, same, set, text, within};
use crate::kinds::printing::{UNSET, age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::{meta, names};

/// The behaviour of PersistentVolumeClaims.
pub struct PersistentVolumeClaim;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Status", "string", "Phase of the claim's life."),
    Column::new("Volume", "string", "Volume the claim is bound to."),
    Column::new("Capacity", "string", "Size of the bound volume."),
    Column::new("Access Modes", "string", "Ways the volume can be mounted."),
    Column::new("StorageClass", "string", "Class the claim asks for."),
    Column::new("VolumeAttributesClass", "string", "Class of changeable attributes."),
    Column::AGE,
    Column::wide("VolumeMode", "string", "Filesystem or Block."),
];

impl Strategy for PersistentVolumeClaim {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", |spec| {
            fill(spec, "volumeMode", "Filesystem");
            let source = spec.get("dataSource").filter(|s| !is_zero(Some(s))).cloned();
            match source {
                Some(source) => fill(spec, "dataSourceRef", source),
                None => mirror_reference(spec),
            }
        });
        if let Some(status) = ensure(obj, "status") {
            fill_zero(status, "phase", "Pending");
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        set(obj, "status", json!({"phase": "Pending"}));
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        carry(new, old, "status");
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        validate_spec(&At::root(obj).child("spec"), &mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        let spec = At::root(new).child("spec");
        let stored = At::root(old).child("spec");
        let bound = text(old, "/status/phase") == "Bound";
        if !same(Some(&fixed(&spec)), Some(&fixed(&stored))) {
            errs.forbidden(
                &spec,
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            );
        }
        let (now, before) = (quantity(&size_of(&spec)), quantity(&size_of(&stored)));
        if now != before {
            if !bound {
                errs.forbidden(
                    &spec,
                    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
                );
            } else if now < before {
                errs.forbidden(
                    &spec.child("resources").child("requests").child("storage"),
                    "field can not be less than status.capacity",
                );
            }
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let phase = if meta::is_being_deleted(obj) { "Terminating" } else { text(obj, "/status/phase") };
        let volume = text(obj, "/spec/volumeName");
        let (capacity, modes) = match volume {
            "" => ("", String::new()),
            _ => (text(obj, "/status/capacity/storage"), access_modes(obj, "/status/accessModes")),
        };
        vec![
            name(obj),
            phase.into(),
            volume.into(),
            capacity.into(),
            modes.into(),
            class(obj).into(),
            text_or(obj, "/spec/volumeAttributesClassName", UNSET),
            age(obj, now),
            text_or(obj, "/spec/volumeMode", UNSET),
        ]
    }
}

fn size_of<'a>(spec: &At<'a>) -> At<'a> {
    spec.child("resources").child("requests").key("storage")
}

/// Puts a reference to an object of a kind the old field knows into the old field.
fn mirror_reference(spec: &mut Value) {
    let Some(reference) = spec.get("dataSourceRef").filter(|r| !is_zero(Some(r))) else { return };
    let group = text(reference, "/apiGroup");
    let kind = text(reference, "/kind");
    let known = (group.is_empty() && kind == "PersistentVolumeClaim")
        || (group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot");
    if known && text(reference, "/namespace").is_empty() {
        let reference = reference.clone();
        set(spec, "dataSource", reference);
    }
}

/// Finds everything wrong with the spec of a claim (also of a claim template).
pub fn validate_spec(spec: &At<'_>, errs: &mut Errors) {
    let modes = spec.child("accessModes");
    if modes.is_empty() {
        errs.required_because(&modes, "at least 1 access mode is required");
    } else {
        volumes::validate_access_modes(spec, errs);
    }
    selector::validate(&spec.child("selector"), errs);
    let size = size_of(spec);
    if size.exists() {
        volumes::positive(&size, errs);
    } else {
        errs.required(&size);
    }
    for field in ["storageClassName", "volumeAttributesClassName"] {
        let class = spec.child(field);
        if !class.is_empty() {
            class.check(names::is_dns1123_subdomain, errs);
        }
    }
    spec.child("volumeMode").one_of(&["Block", "Filesystem"], errs);
    for field in ["dataSource", "dataSourceRef"] {
        let source = spec.child(field);
        if source.exists() {
            source.child("name").require(errs);
            source.child("kind").require(errs);
            if source.child("apiGroup").is_empty()
                && !["", "PersistentVolumeClaim"].contains(&source.child("kind").text())
            {
                errs.invalid(&source, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
            }
        }
    }
}

/// The part of a spec that stays once the claim exists: all but the size, the attributes class and the binding.
fn fixed(spec: &At<'_>) -> Value {
    let mut fixed = spec.value.cloned().unwrap_or_default();
    for field in ["volumeName", "volumeAttributesClassName"] {
        remove(&mut fixed, field);
    }
    within(&mut fixed, "resources", |r| within(r, "requests", |q| remove(q, "storage")));
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    fn claim(size: &str) -> Value {
        json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}})
    }

    #[test]
    fn defaults() {
        let obj = defaulted(&PersistentVolumeClaim, claim("1Gi"));
        assert_eq!(
            (obj["spec"]["volumeMode"].clone(), obj["status"]["phase"].clone()),
            (json!("Filesystem"), json!("Pending"))
        );
    }

    #[test]
    fn a_claim_has_size_and_modes() {
        check(&PersistentVolumeClaim, claim("1Gi"), &[]);
        check(
            &PersistentVolumeClaim,
            json!({"spec": {"accessModes": ["X"]}}),
            &[
                "spec.accessModes: Unsupported value: \"X\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                "spec.resources.requests[storage]: Required value",
            ],
        );
        check_update(
            &PersistentVolumeClaim,
            claim("1Gi"),
            claim("2Gi"),
            &[
                "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            ],
        );
        let mut bound = claim("1Gi");
        bound["status"] = json!({"phase": "Bound"});
        check_update(&PersistentVolumeClaim, bound, claim("2Gi"), &[]);
    }

    #[test]
    fn cells() {
        let mut obj = claim("1Gi");
        obj["spec"]["volumeName"] = json!("v");
        obj["status"] =
            json!({"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadOnlyMany", "ReadWriteOnce"]});
        check_cells(
            &PersistentVolumeClaim,
            &obj,
            &["c", "Bound", "v", "2Gi", "RWO,ROX", "", "<unset>", "<unknown>", "<unset>"],
        );
    }
}
