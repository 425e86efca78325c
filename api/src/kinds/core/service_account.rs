//! ServiceAccount.

use serde_json::{Value, json};

use crate::kinds::column::Column;
use crate::kinds::common::values::{each, text};
use crate::kinds::kind::Kind;
use crate::kinds::strategy::Context;

/// The behaviour of ServiceAccounts.
pub static SERVICE_ACCOUNT: Kind = Kind {
    prepare_create,
    prepare_update,
    columns: &[
        Column::NAME,
        Column::len("Secrets", "/secrets", "Number of secrets that pods may use.").typed("string"),
        Column::AGE,
    ],
    ..Kind::DATA
};

fn prepare_create(_cx: &Context, obj: &mut Value) {
    names_only(obj);
}

fn prepare_update(new: &mut Value, _old: &Value) {
    names_only(new);
}

/// References to secrets keep nothing but the name.
fn names_only(obj: &mut Value) {
    each(obj, "secrets", |reference| *reference = json!({"name": text(reference, "/name")}));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check_cells, context};

    #[test]
    fn secret_references_keep_the_name() {
        let mut obj = json!({"metadata": {"name": "a"}, "secrets": [{"name": "x", "namespace": "y"}]});
        SERVICE_ACCOUNT.prepare_create(&context(), &mut obj);
        assert_eq!(obj["secrets"], json!([{"name": "x"}]));
        check_cells(&SERVICE_ACCOUNT, &obj, &["a", "1", "<unknown>"]);
    }
}
