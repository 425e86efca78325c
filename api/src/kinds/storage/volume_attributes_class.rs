//! VolumeAttributesClass.

use serde_json::Value;

use super::storage_class::parameters;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::metadata::immutable;
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of VolumeAttributesClasses.
pub static VOLUME_ATTRIBUTES_CLASS: Kind = Kind {
    validate,
    validate_update: Some(validate_update),
    columns: &[Column::NAME, Column::text("DriverName", "/driverName", "Driver of the volumes."), Column::AGE],
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    root.child("driverName").require_valid(|text| names::is_qualified_name(&text.to_lowercase()), errs);
    let values = root.child("parameters");
    if values.require(errs) {
        parameters(&values, errs);
    }
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    for field in ["driverName", "parameters"] {
        immutable(&At::root(new).child(field), old.get(field), errs);
    }
    validate(new, errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(&VOLUME_ATTRIBUTES_CLASS, json!({"driverName": "d", "parameters": {"a": "b"}}), &[]);
        check(&VOLUME_ATTRIBUTES_CLASS, json!({}), &["driverName: Required value", "parameters: Required value"]);
    }
}
