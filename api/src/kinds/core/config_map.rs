//! ConfigMap (`pkg/apis/core/validation: ValidateConfigMap @ v1.36`).

use serde_json::Value;

use super::data;
use crate::field::{At, Errors, Path};
use crate::kinds::column::Column;
use crate::kinds::common::values::len;
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of ConfigMaps.
pub static CONFIG_MAP: Kind = Kind {
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::new("Data", "string", |obj, _| (len(obj, "/data") + len(obj, "/binaryData")).into(), "Number of keys."),
        Column::AGE,
    ],
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let (data, binary) = (root.child("data"), root.child("binaryData"));
    let mut size = 0_usize;
    for (key, value) in data.entries() {
        errs.invalid_each(&value.path, key, names::is_config_map_key(key));
        if binary.key(key).exists() {
            errs.invalid_value(&value.path, key, "duplicate of key present in binaryData");
        }
        size = size.saturating_add(value.text().len());
    }
    for (key, value) in binary.entries() {
        errs.invalid_each(&value.path, key, names::is_config_map_key(key));
        size = size.saturating_add(data::decoded_len(value.text()));
    }
    if size > data::MAX_BYTES {
        errs.too_long(&Path::new(""), data::MAX_BYTES);
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    data::immutable(new, old, &["data", "binaryData"], errs);
    validate(new, errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    #[test]
    fn keys_and_size() {
        check(&CONFIG_MAP, json!({"data": {"a.b_c-D": "x"}, "binaryData": {"b": "AAAA"}}), &[]);
        check(
            &CONFIG_MAP,
            json!({"data": {"a": "x"}, "binaryData": {"a": "AAAA"}}),
            &["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"],
        );
        check(
            &CONFIG_MAP,
            json!({"data": {"": "x"}}),
            &[
                "data[]: Invalid value: \"\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ],
        );
        let big = "x".repeat(data::MAX_BYTES + 1);
        check(&CONFIG_MAP, json!({"data": {"a": big}}), &["[]: Too long: may not be more than 1048576 bytes"]);
    }

    #[test]
    fn immutable_data_stay() {
        let old = json!({"data": {"a": "x"}, "immutable": true});
        check_update(&CONFIG_MAP, old.clone(), old.clone(), &[]);
        check_update(
            &CONFIG_MAP,
            old,
            json!({"data": {"a": "y"}}),
            &[
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
            ],
        );
    }

    #[test]
    fn cells_count_both_maps() {
        check_cells(
            &CONFIG_MAP,
            &json!({"metadata": {"name": "a", "creationTimestamp": "2025-12-31T23:00:00Z"}, "data": {"a": "x"}, "binaryData": {"b": ""}}),
            &["a", "2", "60m"],
        );
    }
}
