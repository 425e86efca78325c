//! StorageClass (`pkg/apis/storage/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::cells::{bool_or, is_marked};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill, same, text};
use crate::kinds::printing::age;
use crate::kinds::{Column, Strategy};
use crate::{meta, names};

/// The behaviour of StorageClasses.
pub struct StorageClass;

/// Annotation that marks the default class.
pub const DEFAULT_ANNOTATION: &str = "storageclass.kubernetes.io/is-default-class";

const BETA_DEFAULT_ANNOTATION: &str = "storageclass.beta.kubernetes.io/is-default-class";
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETER_BYTES: usize = 256 * 1024;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Provisioner", "string", "Who makes volumes of the class."),
    Column::new("ReclaimPolicy", "string", "What happens to a volume when its claim is gone."),
    Column::new("VolumeBindingMode", "string", "When volumes are made and bound."),
    Column::new("AllowVolumeExpansion", "string", "Whether volumes can grow."),
    Column::AGE,
];

impl Strategy for StorageClass {
    fn default(&self, obj: &mut Value) {
        fill(obj, "reclaimPolicy", "Delete");
        fill(obj, "volumeBindingMode", "Immediate");
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        provisioner(&root.child("provisioner"), &mut errs);
        parameters(&root.child("parameters"), &mut errs);
        root.child("reclaimPolicy").one_of(&["Delete", "Retain"], &mut errs);
        let mode = root.child("volumeBindingMode");
        if mode.require(&mut errs) {
            mode.one_of(&["Immediate", "WaitForFirstConsumer"], &mut errs);
        }
        for topology in root.child("allowedTopologies").items() {
            for expression in topology.child("matchLabelExpressions").items() {
                expression.child("key").check(names::is_qualified_name, &mut errs);
                expression.child("values").require(&mut errs);
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(new);
        for field in ["parameters", "provisioner", "reclaimPolicy"] {
            let at = root.child(field);
            if !same(at.value, old.get(field)) {
                errs.forbidden(&at, format!("updates to {field} are forbidden."));
            }
        }
        immutable(&root.child("volumeBindingMode"), old.get("volumeBindingMode"), &mut errs);
        errs.extend(self.validate(new));
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let default = is_marked(obj, DEFAULT_ANNOTATION) || is_marked(obj, BETA_DEFAULT_ANNOTATION);
        let name = if default { format!("{} (default)", meta::name(obj)) } else { meta::name(obj).to_owned() };
        vec![
            name.into(),
            text(obj, "/provisioner").into(),
            text(obj, "/reclaimPolicy").into(),
            text(obj, "/volumeBindingMode").into(),
            bool_or(obj, "/allowVolumeExpansion", "false"),
            age(obj, now),
        ]
    }
}

fn provisioner(at: &At<'_>, errs: &mut Errors) {
    if at.require(errs) {
        let lower = at.text().to_lowercase();
        errs.invalid_each(at, at.text(), names::is_qualified_name(&lower));
    }
}

/// Checks the parameters of a class: their number, keys and size.
pub fn parameters(at: &At<'_>, errs: &mut Errors) {
    if at.len() > MAX_PARAMETERS {
        errs.too_long(at, MAX_PARAMETERS);
        return;
    }
    let mut size = 0_usize;
    for (key, value) in at.entries() {
        if key.is_empty() {
            errs.invalid_value(at, key, "field can not be empty.");
        }
        size = size.saturating_add(key.len()).saturating_add(value.text().len());
    }
    if size > MAX_PARAMETER_BYTES {
        errs.too_long(at, MAX_PARAMETER_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn fields() {
        check(&StorageClass, json!({"provisioner": "a.io/b"}), &[]);
        check(
            &StorageClass,
            json!({"reclaimPolicy": "Recycle"}),
            &[
                "provisioner: Required value",
                "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            ],
        );
        check_update(
            &StorageClass,
            json!({"provisioner": "a.io/b"}),
            json!({"provisioner": "a.io/c", "volumeBindingMode": "WaitForFirstConsumer"}),
            &[
                "provisioner: Forbidden: updates to provisioner are forbidden.",
                "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
            ],
        );
    }

    #[test]
    fn cells_mark_the_default() {
        let obj = json!({"metadata": {"name": "s", "annotations": {DEFAULT_ANNOTATION: "true"}}, "provisioner": "p"});
        check_cells(
            &StorageClass,
            &defaulted(&StorageClass, obj),
            &["s (default)", "p", "Delete", "Immediate", "false", "<unknown>"],
        );
    }
}
