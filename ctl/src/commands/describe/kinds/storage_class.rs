//! Storage classes.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, bool_or_unset, line, set};
use crate::value::{at, list, text, texts};

/// Annotations that make a class the default.
const DEFAULT: &[&str] =
    &["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// Writes a storage class.
pub fn describe(out: &mut Text, class: &Value, _: &Related) {
    out.name(class);
    let default = DEFAULT.iter().any(|key| corvette_api::meta::annotation(class, key) == Some("true"));
    line!(out, 0, "IsDefaultClass:\t{}", if default { "Yes" } else { "No" });
    line!(out, 0, "Annotations:\t{}", set(class, "/metadata/annotations"));
    line!(out, 0, "Provisioner:\t{}", text(class, "/provisioner"));
    line!(out, 0, "Parameters:\t{}", set(class, "/parameters"));
    line!(out, 0, "AllowVolumeExpansion:\t{}", bool_or_unset(class, "/allowVolumeExpansion"));
    let options = texts(class, "/mountOptions");
    line!(out, 0, "MountOptions:{}", if options.is_empty() { "\t<none>" } else { "" });
    options.iter().for_each(|option| line!(out, 1, "{option}"));
    for (label, pointer) in [("ReclaimPolicy", "/reclaimPolicy"), ("VolumeBindingMode", "/volumeBindingMode")] {
        if at(class, pointer).is_some() {
            line!(out, 0, "{label}:\t{}", text(class, pointer));
        }
    }
    if at(class, "/allowedTopologies").is_some() {
        let terms = list(class, "/allowedTopologies");
        line!(out, 0, "AllowedTopologies:\t{}", if terms.is_empty() { "<none>" } else { "" });
        for (i, term) in terms.iter().enumerate() {
            let expressions = list(term, "/matchLabelExpressions")
                .iter()
                .map(|e| format!("{} in [{}]", text(e, "/key"), texts(e, "/values").join(", ")));
            out.column(&format!("  Term {i}"), expressions);
        }
    }
}
