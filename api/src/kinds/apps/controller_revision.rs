//! ControllerRevision: an immutable snapshot of a template.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::gvk::split_api_version;
use crate::kinds::common::metadata;
use crate::kinds::common::values::{int, text};
use crate::kinds::printing::{self, NONE};
use crate::kinds::strategy::{Column, Strategy};
use crate::meta;

/// The strategy of ControllerRevision.
pub struct ControllerRevision;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Controller", "string", "Controller of the object"),
    Column::new("Revision", "string", "Number of the revision; a higher one is newer."),
    Column::AGE,
];

impl Strategy for ControllerRevision {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        if !root.child("data").exists() {
            errs.required_because(&root.child("data"), "data is mandatory");
        }
        root.child("revision").non_negative(&mut errs);
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        metadata::immutable(&At::root(new).child("data"), old.get("data"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let controller = meta::controller_of(obj).map_or_else(|| NONE.to_owned(), owner_name);
        vec![printing::name(obj), controller.into(), int(obj, "/revision").unwrap_or(0).into(), printing::age(obj, now)]
    }
}

/// `daemonset.apps/name`
fn owner_name(owner: &Value) -> String {
    let (group, _) = split_api_version(text(owner, "/apiVersion"));
    let kind = text(owner, "/kind").to_lowercase();
    let name = text(owner, "/name");
    if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }
}
