//! CSINode.

use std::collections::HashSet;

use serde_json::Value;

use crate::field::{At, Errors, Path};
use crate::kinds::column::Column;
use crate::kinds::common::checks::csi_driver_name;
use crate::kinds::common::values::{list, remove, same, text};
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of CSINodes.
pub static CSI_NODE: Kind = Kind {
    validate,
    validate_update: Some(validate_update),
    columns: &[Column::NAME, Column::len("Drivers", "/spec/drivers", "Number of drivers on the node."), Column::AGE],
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let mut seen = HashSet::new();
    for driver in At::root(obj).child("spec").child("drivers").items() {
        let (name, node) = (driver.child("name"), driver.child("nodeID"));
        csi_driver_name(&name, errs);
        node.require(errs);
        if !seen.insert(name.text()) {
            errs.duplicate(&name);
        }
        driver.child("allocatable").child("count").non_negative(errs);
        let mut keys = HashSet::new();
        for key in driver.child("topologyKeys").items() {
            key.check(names::is_qualified_name, errs);
            if !keys.insert(key.text()) {
                errs.duplicate_value(&driver, key.text());
            }
        }
    }
}

/// A driver that stays is what it was, but for how many volumes it can attach.
fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
    let fixed = |driver: &Value| {
        let mut driver = driver.clone();
        remove(&mut driver, "allocatable");
        driver
    };
    for driver in list(new, "/spec/drivers") {
        let before = list(old, "/spec/drivers").iter().find(|old| text(old, "/name") == text(driver, "/name"));
        if before.is_some_and(|before| !same(Some(&fixed(before)), Some(&fixed(driver)))) {
            errs.invalid_value(&Path::new("CSINodeDriver"), driver.clone(), "field is immutable");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_update};

    #[test]
    fn drivers() {
        check(&CSI_NODE, json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}]}}), &[]);
        check(
            &CSI_NODE,
            json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}, {"name": "a"}]}}),
            &["spec.drivers[1].nodeID: Required value", "spec.drivers[1].name: Duplicate value: \"a\""],
        );
        check(
            &CSI_NODE,
            json!({"spec": {"drivers": [{"name": "a".repeat(64), "nodeID": "n", "topologyKeys": ["k", "k"]}]}}),
            &[
                "spec.drivers[0].name: Too long: may not be more than 63 bytes",
                "spec.drivers[0]: Duplicate value: \"k\"",
            ],
        );
        let node = |id: &str, count: i64| json!({"spec": {"drivers": [{"name": "a", "nodeID": id, "allocatable": {"count": count}}]}});
        check_update(&CSI_NODE, node("n", 1), node("n", 2), &[]);
        check_update(
            &CSI_NODE,
            node("n", 1),
            node("m", 1),
            &[
                "CSINodeDriver: Invalid value: {\"allocatable\":{\"count\":1},\"name\":\"a\",\"nodeID\":\"m\"}: field is immutable",
            ],
        );
    }
}
