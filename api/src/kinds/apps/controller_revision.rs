//! ControllerRevision: an immutable snapshot of a template.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::gvk::split_api_version;
use crate::kinds::column::Column;
use crate::kinds::common::values::text;
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::meta;

/// The strategy of ControllerRevision.
pub static CONTROLLER_REVISION: Kind = Kind {
    validate,
    immutable: &["data"],
    columns: &[
        Column::NAME,
        Column::shown(
            "Controller",
            |obj| meta::controller_of(obj).map_or_else(|| NONE.to_owned(), owner_name),
            "Controller of the object",
        ),
        Column::count("Revision", "/revision", "Number of the revision; a higher one is newer.").typed("string"),
        Column::AGE,
    ],
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    if !root.child("data").exists() {
        errs.required_because(&root.child("data"), "data is mandatory");
    }
    root.child("revision").non_negative(errs);
}

/// `daemonset.apps/name`
fn owner_name(owner: &Value) -> String {
    let (group, _) = split_api_version(text(owner, "/apiVersion"));
    let kind = text(owner, "/kind").to_lowercase();
    let name = text(owner, "/name");
    if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }
}
