//! ServiceAccount.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::common::values::{each, list, text};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of ServiceAccounts.
pub struct ServiceAccount;

const COLUMNS: &[Column] =
    &[Column::NAME, Column::new("Secrets", "string", "Number of secrets that pods may use."), Column::AGE];

impl Strategy for ServiceAccount {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        names_only(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, _old: &Value) {
        names_only(new);
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        vec![name(obj), list(obj, "/secrets").len().into(), age(obj, now)]
    }
}

/// References to secrets keep nothing but the name.
fn names_only(obj: &mut Value) {
    each(obj, "secrets", |reference| *reference = json!({"name": text(reference, "/name")}));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check_cells, context};

    #[test]
    fn secret_references_keep_the_name() {
        let mut obj = json!({"metadata": {"name": "a"}, "secrets": [{"name": "x", "namespace": "y"}]});
        ServiceAccount.prepare_create(&context(), &mut obj);
        assert_eq!(obj["secrets"], json!([{"name": "x"}]));
        check_cells(&ServiceAccount, &obj, &["a", "1", "<unknown>"]);
    }
}
