//! StorageVersionMigration (`storagemigration.k8s.io`) and StorageVersion (`internal.apiserver.k8s.io`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::text;
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of StorageVersionMigrations.
pub struct StorageVersionMigration;

/// The behaviour of StorageVersions.
pub struct StorageVersion;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("CommonEncodingVersion", "string", "Version that all servers write."),
    Column::new("StorageVersions", "string", "Versions that servers write."),
    Column::AGE,
];

impl Strategy for StorageVersionMigration {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let resource = At::root(obj).child("spec").child("resource").child("resource");
        if resource.is_empty() {
            errs.required_because(&resource, "resource is required");
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        immutable(&At::root(new).child("spec"), old.get("spec"), &mut errs);
        errs
    }
}

impl Strategy for StorageVersion {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let common = match text(obj, "/status/commonEncodingVersion") {
            "" => "<unset>",
            version => version,
        };
        let versions: Vec<String> = crate::kinds::common::values::list(obj, "/status/storageVersions")
            .iter()
            .map(|v| format!("{}={}", text(v, "/apiServerID"), text(v, "/encodingVersion")))
            .collect();
        let versions = if versions.is_empty() { "<unset>".to_owned() } else { versions.join(",") };
        vec![name(obj), common.into(), versions.into(), age(obj, now)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn fields() {
        check(
            &StorageVersionMigration,
            json!({"spec": {}}),
            &["spec.resource.resource: Required value: resource is required"],
        );
        check_cells(&StorageVersion, &json!({"metadata": {"name": "v"}}), &["v", "<unset>", "<unset>", "<unknown>"]);
    }
}
