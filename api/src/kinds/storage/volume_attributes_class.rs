//! VolumeAttributesClass.

use jiff::Timestamp;
use serde_json::Value;

use super::storage_class::parameters;
use crate::field::{At, Errors};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::text;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of VolumeAttributesClasses.
pub struct VolumeAttributesClass;

const COLUMNS: &[Column] = &[Column::NAME, Column::new("DriverName", "string", "Driver of the volumes."), Column::AGE];

impl Strategy for VolumeAttributesClass {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let driver = root.child("driverName");
        if driver.require(&mut errs) {
            driver.check(|text| names::is_qualified_name(&text.to_lowercase()), &mut errs);
        }
        let values = root.child("parameters");
        if values.require(&mut errs) {
            parameters(&values, &mut errs);
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        for field in ["driverName", "parameters"] {
            immutable(&At::root(new).child(field), old.get(field), &mut errs);
        }
        errs.extend(self.validate(new));
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/driverName").into(), age(obj, now)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(&VolumeAttributesClass, json!({"driverName": "d", "parameters": {"a": "b"}}), &[]);
        check(&VolumeAttributesClass, json!({}), &["driverName: Required value", "parameters: Required value"]);
    }
}
