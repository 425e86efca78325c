//! StorageVersion (`internal.apiserver.k8s.io`).

use serde_json::Value;

use crate::kinds::column::Column;
use crate::kinds::common::values::{list, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::UNSET;

/// The behaviour of StorageVersions.
pub static STORAGE_VERSION: Kind = Kind {
    columns: &[
        Column::NAME,
        Column::text("CommonEncodingVersion", "/status/commonEncodingVersion", "Version that all servers write.")
            .or(UNSET),
        Column::shown("StorageVersions", versions, "Versions that servers write."),
        Column::AGE,
    ],
    unconditional_update: false,
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
    use crate::kinds::checking::check_cells;

    #[test]
    fn cells() {
        check_cells(&STORAGE_VERSION, &json!({"metadata": {"name": "v"}}), &["v", "<unset>", "<unset>", "<unknown>"]);
        let versions =
            json!([{"apiServerID": "a", "encodingVersion": "v1"}, {"apiServerID": "b", "encodingVersion": "v2"}]);
        check_cells(
            &STORAGE_VERSION,
            &json!({"metadata": {"name": "v"}, "status": {"commonEncodingVersion": "v1", "storageVersions": versions}}),
            &["v", "v1", "a=v1,b=v2", "<unknown>"],
        );
    }
}
