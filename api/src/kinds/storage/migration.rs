//! StorageVersionMigration (`storagemigration.k8s.io`).

use crate::field::At;
use crate::kinds::kind::Kind;

/// The behaviour of StorageVersionMigrations.
pub static STORAGE_VERSION_MIGRATION: Kind = Kind {
    validate: |obj, errs| {
        let resource = At::root(obj).at("spec.resource.resource");
        resource.require_because("resource is required", errs);
    },
    immutable: &["spec"],
    ..Kind::SPEC_STATUS
};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        check(
            &STORAGE_VERSION_MIGRATION,
            json!({"spec": {}}),
            &["spec.resource.resource: Required value: resource is required"],
        );
    }
}
