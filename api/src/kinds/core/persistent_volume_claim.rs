//! PersistentVolumeClaim (`pkg/apis/core/validation: ValidatePersistentVolumeClaim @ v1.36`).

use serde_json::{Value, json};

use super::volumes::{self, access_modes, class, phase};
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::resources::quantity;
use crate::kinds::common::selector;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_zero, remove, same, set, text, within};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::printing::UNSET;
use crate::names;

/// The behaviour of PersistentVolumeClaims.
pub static PERSISTENT_VOLUME_CLAIM: Kind = Kind {
    status: Status::Starting(|| json!({"phase": "Pending"})),
    default,
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::picked("Status", phase, "Phase of the claim's life."),
        Column::text("Volume", "/spec/volumeName", "Volume the claim is bound to."),
        Column::new(
            "Capacity",
            "string",
            |obj, _| if_bound(obj, text(obj, "/status/capacity/storage")),
            "Size of the bound volume.",
        ),
        Column::new(
            "Access Modes",
            "string",
            |obj, _| if_bound(obj, access_modes(obj, "/status/accessModes")),
            "Ways the volume can be mounted.",
        ),
        Column::picked("StorageClass", class, "Class the claim asks for."),
        Column::text("VolumeAttributesClass", "/spec/volumeAttributesClassName", "Class of changeable attributes.")
            .or(UNSET),
        Column::AGE,
        Column::text("VolumeMode", "/spec/volumeMode", "Filesystem or Block.").or(UNSET).wide(),
    ],
    ..Kind::DATA
};

fn default(obj: &mut Value) {
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

fn validate(obj: &Value, errs: &mut Errors) {
    validate_spec(&At::root(obj).child("spec"), errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
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
}

/// The requested size; upstream leaves `requests` out of the path of its errors.
fn size_of<'a>(spec: &At<'a>) -> At<'a> {
    let resources = spec.child("resources");
    At { value: resources.child("requests").key("storage").value, path: resources.path.key("storage") }
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
        spec.child(field).check_given(names::is_dns1123_subdomain, errs);
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

/// What is only told of a claim that has a volume.
fn if_bound(obj: &Value, told: impl Into<Value>) -> Value {
    if text(obj, "/spec/volumeName").is_empty() { "".into() } else { told.into() }
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
        let obj = defaulted(&PERSISTENT_VOLUME_CLAIM, claim("1Gi"));
        assert_eq!(
            (obj["spec"]["volumeMode"].clone(), obj["status"]["phase"].clone()),
            (json!("Filesystem"), json!("Pending"))
        );
    }

    #[test]
    fn a_claim_has_size_and_modes() {
        check(&PERSISTENT_VOLUME_CLAIM, claim("1Gi"), &[]);
        check(
            &PERSISTENT_VOLUME_CLAIM,
            json!({"spec": {"accessModes": ["X"]}}),
            &[
                "spec.accessModes: Unsupported value: \"X\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                "spec.resources[storage]: Required value",
            ],
        );
        check_update(
            &PERSISTENT_VOLUME_CLAIM,
            claim("1Gi"),
            claim("2Gi"),
            &[
                "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            ],
        );
        let mut bound = claim("1Gi");
        bound["status"] = json!({"phase": "Bound"});
        check_update(&PERSISTENT_VOLUME_CLAIM, bound, claim("2Gi"), &[]);
    }

    #[test]
    fn cells() {
        let mut obj = claim("1Gi");
        obj["spec"]["volumeName"] = json!("v");
        obj["status"] =
            json!({"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadOnlyMany", "ReadWriteOnce"]});
        check_cells(
            &PERSISTENT_VOLUME_CLAIM,
            &obj,
            &["c", "Bound", "v", "2Gi", "RWO,ROX", "", "<unset>", "<unknown>", "<unset>"],
        );
    }
}
