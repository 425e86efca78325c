//! StorageVersionMigration (`storagemigration.k8s.io`) and StorageVersion (`internal.apiserver.k8s.io`).

use serde_json::Value;

use crate::field::At;
use crate::kinds::column::Column;
use crate::kinds::common::values::{list, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::UNSET;

/// The behaviour of StorageVersionMigrations.
pub static STORAGE_VERSION_MIGRATION: Kind = Kind {
    validate: |obj, errs| {
        let resource = At::root(obj).at("spec.resource.resource");
        resource.require_because("resource is required", errs);
    },
    immutable: &["spec"],
    ..Kind::SPEC_STATUS
};

/// The behaviour of StorageVersions.
pub static STORAGE_VERSION: Kind = Kind {
    columns: &[
        Column::NAME,
        Column::text("CommonEncodingVersion", "/status/commonEncodingVersion", "Version that all servers write.")
            .or(UNSET),
        Column::shown("StorageVersions", versions, "Versions that servers write."),
        Column::AGE,
    ],
    ..Kind::STATUS
};

fn versions(obj: &Value) -> String {
    let all = list(obj, "/status/storageVersions").iter();
    let all: Vec<String> =
        all.map(|v| format!("{}={}", text(v, "/apiServerID"), text(v, "/encodingVersion"))).collect();
    if all.is_empty() { UNSET.to_owned() } else { all.join(",") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn fields() {
        check(
            &STORAGE_VERSION_MIGRATION,
            json!({"spec": {}}),
            &["spec.resource.resource: Required value: resource is required"],
        );
        check_cells(&STORAGE_VERSION, &json!({"metadata": {"name": "v"}}), &["v", "<unset>", "<unset>", "<unknown>"]);
    }
}
