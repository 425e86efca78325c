//! CSINode.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::values::list;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of CSINodes.
pub struct CsiNode;

const COLUMNS: &[Column] =
    &[Column::NAME, Column::new("Drivers", "integer", "Number of drivers on the node."), Column::AGE];

impl Strategy for CsiNode {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let mut seen = HashSet::new();
        for driver in At::root(obj).child("spec").child("drivers").items() {
            let (name, node) = (driver.child("name"), driver.child("nodeID"));
            if name.require(&mut errs) {
                name.check(|text| names::is_dns1123_subdomain(&text.to_lowercase()), &mut errs);
            }
            node.require(&mut errs);
            if !seen.insert(name.text()) {
                errs.duplicate(&name);
            }
            driver.child("allocatable").child("count").non_negative(&mut errs);
            for key in driver.child("topologyKeys").items() {
                key.check(names::is_qualified_name, &mut errs);
            }
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), list(obj, "/spec/drivers").len().into(), age(obj, now)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn drivers() {
        check(&CsiNode, json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}]}}), &[]);
        check(
            &CsiNode,
            json!({"spec": {"drivers": [{"name": "a", "nodeID": "n"}, {"name": "a"}]}}),
            &["spec.drivers[1].nodeID: Required value", "spec.drivers[1].name: Duplicate value: \"a\""],
        );
    }
}
