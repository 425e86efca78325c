//! What PersistentVolumes and PersistentVolumeClaims share.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::resources::quantity;
use crate::kinds::common::values::{list, text};
use crate::meta;
use crate::quantity::Quantity;

/// Annotation that named the class before there was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const MODES: &[(&str, &str)] =
    &[("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

/// Checks the access modes of a spec: at least one, known ones, the exclusive one alone.
pub fn validate_access_modes(spec: &At<'_>, errs: &mut Errors) {
    let modes = spec.child("accessModes");
    if modes.is_empty() {
        errs.required(&modes);
    }
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    for mode in modes.items().filter(|m| !known.contains(&m.text())) {
        errs.not_supported_value(&modes, mode.text(), &known);
    }
    if modes.len() > 1 && modes.array().iter().any(|m| m == "ReadWriteOncePod") {
        errs.forbidden(&modes, "may not use ReadWriteOncePod with other access modes");
    }
}

/// Checks that an amount is greater than 0.
pub fn positive(at: &At<'_>, errs: &mut Errors) {
    if quantity(at).is_some_and(|q| q <= Quantity::default()) {
        errs.invalid(at, "must be greater than zero");
    }
}

/// The access modes in short form, in their fixed order: `RWO,ROX`.
#[must_use]
pub fn access_modes(obj: &Value, pointer: &str) -> String {
    let modes = list(obj, pointer);
    let short: Vec<&str> = MODES.iter().filter(|(long, _)| modes.iter().any(|m| m == long)).map(|(_, s)| *s).collect();
    short.join(",")
}

/// The storage class, by the old annotation or the field; empty when there is none.
#[must_use]
pub fn class(obj: &Value) -> &str {
    meta::annotation(obj, CLASS_ANNOTATION).unwrap_or_else(|| text(obj, "/spec/storageClassName"))
}

/// Phase of a volume or claim; `Terminating` when it is being deleted.
pub fn phase(obj: &Value) -> &str {
    if meta::is_being_deleted(obj) { "Terminating" } else { text(obj, "/status/phase") }
}
