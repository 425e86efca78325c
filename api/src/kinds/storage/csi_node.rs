//! CSINode.

use std::collections::HashSet;

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of CSINodes.
pub static CSI_NODE: Kind = Kind {
    validate,
    columns: &[Column::NAME, Column::len("Drivers", "/spec/drivers", "Number of drivers on the node."), Column::AGE],
    unconditional_update: false,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let mut seen = HashSet::new();
    for driver in At::root(obj).child("spec").child("drivers").items() {
        let (name, node) = (driver.child("name"), driver.child("nodeID"));
        name.require_valid(|text| names::is_dns1123_subdomain(&text.to_lowercase()), errs);
        node.require(errs);
        if !seen.insert(name.text()) {
            errs.duplicate(&name);
        }
        driver.child("allocatable").child("count").non_negative(errs);
        for key in driver.child("topologyKeys").items() {
            key.check(names::is_qualified_name, errs);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn drivers() {
        check(&CSI_NODE, json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}]}}), &[]);
        check(
            &CSI_NODE,
            json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}, {"name": "a"}]}}),
            &["spec.drivers[1].nodeID: Required value", "spec.drivers[1].name: Duplicate value: \"a\""],
        );
    }
}
