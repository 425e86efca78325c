//! CSIDriver.

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{ensure, fill, is_zero, list, set, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::{NONE, UNSET};

const MAX_NAME_BYTES: usize = 63;

/// The behaviour of CSIDrivers.
pub static CSI_DRIVER: Kind = Kind {
    default,
    validate,
    immutable: &["spec.attachRequired", "spec.volumeLifecycleModes"],
    columns: &[
        Column::NAME,
        Column::flag("AttachRequired", "/spec/attachRequired", "Whether volumes are attached before they are mounted."),
        Column::flag("PodInfoOnMount", "/spec/podInfoOnMount", "Whether the driver is told about the pod."),
        Column::flag("StorageCapacity", "/spec/storageCapacity", "Whether the driver publishes its capacity."),
        Column::shown("TokenRequests", audiences, "Audiences of tokens the driver gets."),
        Column::flag("RequiresRepublish", "/spec/requiresRepublish", "Whether volumes are published again and again."),
        Column::list("Modes", "/spec/volumeLifecycleModes", "Lifecycles of volumes the driver supports.").or(NONE),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
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

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let name = root.child("metadata").child("name");
    if name.len() > MAX_NAME_BYTES {
        errs.too_long(&name, MAX_NAME_BYTES);
    }
    let spec = root.child("spec");
    spec.child("attachRequired").require(errs);
    spec.child("fsGroupPolicy").one_of(&["File", "None", "ReadWriteOnceWithFSType"], errs);
    for mode in spec.child("volumeLifecycleModes").items() {
        mode.one_of(&["Ephemeral", "Persistent"], errs);
    }
    let mut audiences = std::collections::HashSet::new();
    for request in spec.child("tokenRequests").items() {
        if !audiences.insert(request.child("audience").text()) {
            errs.duplicate_value(&request.child("audience"), request.child("audience").text());
        }
    }
}

fn audiences(obj: &Value) -> String {
    let all: Vec<&str> = list(obj, "/spec/tokenRequests").iter().map(|token| text(token, "/audience")).collect();
    if all.is_empty() { UNSET.to_owned() } else { all.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn fields() {
        check(&CSI_DRIVER, json!({"spec": {}}), &[]);
        check_update(
            &CSI_DRIVER,
            json!({"spec": {}}),
            json!({"spec": {"attachRequired": false}}),
            &["spec.attachRequired: Invalid value: false: field is immutable"],
        );
        check_cells(
            &CSI_DRIVER,
            &defaulted(&CSI_DRIVER, json!({"metadata": {"name": "d"}})),
            &["d", "true", "false", "false", "<unset>", "false", "Persistent", "<unknown>"],
        );
    }
}
