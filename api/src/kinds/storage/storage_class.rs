//! StorageClass (`pkg/apis/storage/validation @ v1.36`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::cells::is_marked;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill, same};
use crate::kinds::kind::Kind;
use crate::{meta, names};

/// Annotation that marks the default class.
pub const DEFAULT_ANNOTATION: &str = "storageclass.kubernetes.io/is-default-class";

const BETA_DEFAULT_ANNOTATION: &str = "storageclass.beta.kubernetes.io/is-default-class";
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETER_BYTES: usize = 256 * 1024;

/// The behaviour of StorageClasses.
pub static STORAGE_CLASS: Kind = Kind {
    default,
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME.showing(shown_name),
        Column::text("Provisioner", "/provisioner", "Who makes volumes of the class."),
        Column::text("ReclaimPolicy", "/reclaimPolicy", "What happens to a volume when its claim is gone."),
        Column::text("VolumeBindingMode", "/volumeBindingMode", "When volumes are made and bound."),
        Column::flag("AllowVolumeExpansion", "/allowVolumeExpansion", "Whether volumes can grow.").typed("string"),
        Column::AGE,
    ],
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    fill(obj, "reclaimPolicy", "Delete");
    fill(obj, "volumeBindingMode", "Immediate");
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    provisioner(&root.child("provisioner"), errs);
    parameters(&root.child("parameters"), errs);
    root.child("reclaimPolicy").one_of(&["Delete", "Retain"], errs);
    root.child("volumeBindingMode").require_one_of(&["Immediate", "WaitForFirstConsumer"], errs);
    topologies(&root.child("allowedTopologies"), errs);
}

/// Checks the terms of a topology, of which none may be empty or the same as another.
fn topologies(at: &At<'_>, errs: &mut Errors) {
    let mut seen = vec![BTreeMap::new()];
    for topology in at.items() {
        let expressions = topology.child("matchLabelExpressions");
        let mut term = BTreeMap::new();
        for expression in expressions.items() {
            let (key, values) = (expression.child("key"), expression.child("values"));
            key.check(names::is_qualified_name, errs);
            values.require(errs);
            let mut known = BTreeSet::new();
            for value in values.items() {
                if !known.insert(value.text()) {
                    errs.duplicate(&value);
                }
            }
            if term.insert(key.text(), known).is_some() {
                errs.duplicate(&key);
            }
        }
        if seen.contains(&term) {
            errs.duplicate_value(&expressions, "");
        }
        seen.push(term);
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    let root = At::root(new);
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        let at = root.child(field);
        if !same(at.value, old.get(field)) {
            errs.forbidden(&at, format!("updates to {field} are forbidden."));
        }
    }
    immutable(&root.child("volumeBindingMode"), old.get("volumeBindingMode"), errs);
    validate(new, errs);
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

fn shown_name(obj: &Value) -> String {
    let default = is_marked(obj, DEFAULT_ANNOTATION) || is_marked(obj, BETA_DEFAULT_ANNOTATION);
    if default { format!("{} (default)", meta::name(obj)) } else { meta::name(obj).to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn fields() {
        check(&STORAGE_CLASS, json!({"provisioner": "a.io/b"}), &[]);
        check(
            &STORAGE_CLASS,
            json!({"reclaimPolicy": "Recycle"}),
            &[
                "provisioner: Required value",
                "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            ],
        );
        let twice = json!({"key": "zone", "values": ["a", "a"]});
        check(
            &STORAGE_CLASS,
            json!({"provisioner": "a.io/b", "allowedTopologies": [{"matchLabelExpressions": [twice, {"key": "zone", "values": ["b"]}]}]}),
            &[
                "allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"a\"",
                "allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: \"zone\"",
            ],
        );
        let zone = json!({"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]});
        check(
            &STORAGE_CLASS,
            json!({"provisioner": "a.io/b", "allowedTopologies": [zone, {}, zone]}),
            &[
                "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
                "allowedTopologies[2].matchLabelExpressions: Duplicate value: \"\"",
            ],
        );
        check_update(
            &STORAGE_CLASS,
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
            &STORAGE_CLASS,
            &defaulted(&STORAGE_CLASS, obj),
            &["s (default)", "p", "Delete", "Immediate", "false", "<unknown>"],
        );
    }
}
