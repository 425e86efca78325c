//! CSIStorageCapacity.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::{resources, selector};
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of CSIStorageCapacities.
pub static CSI_STORAGE_CAPACITY: Kind = Kind {
    validate,
    immutable: &["nodeTopology", "storageClassName"],
    columns: &[
        Column::NAME,
        Column::text("StorageClassName", "/storageClassName", "Class the capacity is for."),
        Column::text("Capacity", "/capacity", "Amount that is free."),
    ],
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let class = root.child("storageClassName");
    class.check(names::is_dns1123_subdomain, errs);
    for field in ["capacity", "maximumVolumeSize"] {
        resources::non_negative(&root.child(field), errs);
    }
    selector::validate(&root.child("nodeTopology"), errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_update};

    #[test]
    fn fields() {
        check(
            &CSI_STORAGE_CAPACITY,
            json!({"storageClassName": "s", "capacity": "-1"}),
            &["capacity: Invalid value: \"-1\": must be greater than or equal to 0"],
        );
        check_update(
            &CSI_STORAGE_CAPACITY,
            json!({"storageClassName": "a"}),
            json!({"storageClassName": "b"}),
            &["storageClassName: Invalid value: \"b\": field is immutable"],
        );
    }
}
