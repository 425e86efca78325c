//! CSIStorageCapacity.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::text;
use crate::kinds::common::{resources, selector};
use crate::kinds::printing::name;
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of CSIStorageCapacities.
pub struct CsiStorageCapacity;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("StorageClassName", "string", "Class the capacity is for."),
    Column::new("Capacity", "string", "Amount that is free."),
];

impl Strategy for CsiStorageCapacity {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let class = root.child("storageClassName");
        class.check(names::is_dns1123_subdomain, &mut errs);
        for field in ["capacity", "maximumVolumeSize"] {
            resources::non_negative(&root.child(field), &mut errs);
        }
        selector::validate(&root.child("nodeTopology"), &mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        for field in ["nodeTopology", "storageClassName"] {
            immutable(&At::root(new).child(field), old.get(field), &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        vec![name(obj), text(obj, "/storageClassName").into(), text(obj, "/capacity").into()]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_update};

    #[test]
    fn fields() {
        check(
            &CsiStorageCapacity,
            json!({"storageClassName": "s", "capacity": "-1"}),
            &["capacity: Invalid value: \"-1\": must be greater than or equal to 0"],
        );
        check_update(
            &CsiStorageCapacity,
            json!({"storageClassName": "a"}),
            json!({"storageClassName": "b"}),
            &["storageClassName: Invalid value: \"b\": field is immutable"],
        );
    }
}
