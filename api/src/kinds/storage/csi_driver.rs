//! CSIDriver.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::common::cells::bool_or;
use crate::kinds::common::generation::{advance, start};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{ensure, fill, is_zero, list, set, text};
use crate::kinds::printing::{UNSET, age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of CSIDrivers.
pub struct CsiDriver;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("AttachRequired", "boolean", "Whether volumes are attached before they are mounted."),
    Column::new("PodInfoOnMount", "boolean", "Whether the driver is told about the pod."),
    Column::new("StorageCapacity", "boolean", "Whether the driver publishes its capacity."),
    Column::new("TokenRequests", "string", "Audiences of tokens the driver gets."),
    Column::new("RequiresRepublish", "boolean", "Whether volumes are published again and again."),
    Column::new("Modes", "string", "Lifecycles of volumes the driver supports."),
    Column::AGE,
];
const MAX_NAME_BYTES: usize = 63;

impl Strategy for CsiDriver {
    fn default(&self, obj: &mut Value) {
        let Some(spec) = ensure(obj, "spec") else { return };
        fill(spec, "attachRequired", true);
        for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            fill(spec, field, false);
        }
        fill(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        if is_zero(spec.get("volumeLifecycleModes")) {
            set(spec, "volumeLifecycleModes", json!(["Persistent"]));
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let name = root.child("metadata").child("name");
        if name.len() > MAX_NAME_BYTES {
            errs.too_long(&name, MAX_NAME_BYTES);
        }
        let spec = root.child("spec");
        spec.child("attachRequired").require(&mut errs);
        spec.child("fsGroupPolicy").one_of(&["File", "None", "ReadWriteOnceWithFSType"], &mut errs);
        for mode in spec.child("volumeLifecycleModes").items() {
            mode.one_of(&["Ephemeral", "Persistent"], &mut errs);
        }
        let mut audiences = std::collections::HashSet::new();
        for request in spec.child("tokenRequests").items() {
            if !audiences.insert(request.child("audience").text()) {
                errs.duplicate_value(&request.child("audience"), request.child("audience").text());
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        for field in ["attachRequired", "volumeLifecycleModes"] {
            let at = At::root(new).child("spec").child(field);
            immutable(&at, old.get("spec").and_then(|s| s.get(field)), &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let boolean = |field: &str, unset: bool| -> Value {
            obj.pointer(&format!("/spec/{field}")).and_then(Value::as_bool).unwrap_or(unset).into()
        };
        let join = |items: Vec<&str>, empty: &str| -> Value {
            if items.is_empty() { empty.into() } else { items.join(",").into() }
        };
        vec![
            name(obj),
            boolean("attachRequired", true),
            boolean("podInfoOnMount", false),
            boolean("storageCapacity", false),
            join(list(obj, "/spec/tokenRequests").iter().map(|t| text(t, "/audience")).collect(), UNSET),
            bool_or(obj, "/spec/requiresRepublish", "false"),
            join(list(obj, "/spec/volumeLifecycleModes").iter().filter_map(Value::as_str).collect(), "<none>"),
            age(obj, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn fields() {
        check(&CsiDriver, json!({"spec": {}}), &[]);
        check_update(
            &CsiDriver,
            json!({"spec": {}}),
            json!({"spec": {"attachRequired": false}}),
            &["spec.attachRequired: Invalid value: false: field is immutable"],
        );
        check_cells(
            &CsiDriver,
            &defaulted(&CsiDriver, json!({"metadata": {"name": "d"}})),
            &["d", "true", "false", "false", "<unset>", "false", "Persistent", "<unknown>"],
        );
    }
}
