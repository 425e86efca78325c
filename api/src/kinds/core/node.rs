//! Node (`pkg/apis/core/validation: ValidateNode @ v1.36`).

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::field::{At, Errors, Path};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::generation::carry;
use crate::kinds::common::values::{is_true, is_zero, list, same, set, text, within};
use crate::kinds::common::{network, resources};
use crate::kinds::kind::Kind;
use crate::kinds::printing::{NONE, UNKNOWN};
use crate::{meta, names};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";
/// Fields of the spec that an update may change.
const MUTABLE: &[&str] = &["unschedulable", "taints", "configSource", "podCIDR", "podCIDRs", "providerID"];

/// The behaviour of Nodes.
pub static NODE: Kind = Kind {
    default,
    // The kubelet registers its node with a status.
    prepare_update: |new, old| carry(new, old, "status"),
    validate,
    validate_update: Some(validate_update),
    validate_status: |new, _, errs| status_fields(&At::root(new).child("status"), errs),
    columns: &[
        Column::NAME,
        Column::shown("Status", status, "Whether the node is ready and schedulable."),
        Column::shown("Roles", roles, "Roles the node has by its labels."),
        Column::AGE,
        Column::text("Version", "/status/nodeInfo/kubeletVersion", "Version of the kubelet."),
        Column::picked("Internal-IP", |obj| address(obj, "InternalIP"), "Address inside the cluster.").wide(),
        Column::picked("External-IP", |obj| address(obj, "ExternalIP"), "Address outside the cluster.").wide(),
        Column::text("OS-Image", "/status/nodeInfo/osImage", "Operating system.").or(UNKNOWN).wide(),
        Column::text("Kernel-Version", "/status/nodeInfo/kernelVersion", "Version of the kernel.").or(UNKNOWN).wide(),
        Column::text(
            "Container-Runtime",
            "/status/nodeInfo/containerRuntimeVersion",
            "Container runtime and its version.",
        )
        .or(UNKNOWN)
        .wide(),
    ],
    selectable: &[Selectable::flag("spec.unschedulable", "/spec/unschedulable")],
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    within(obj, "spec", |spec| {
        let first = list(spec, "/podCIDRs").first();
        if !is_zero(spec.get("podCIDR")) && first != spec.get("podCIDR") {
            let only = json!([text(spec, "/podCIDR")]);
            set(spec, "podCIDRs", only);
        } else if let Some(first) = list(spec, "/podCIDRs").first().cloned() {
            set(spec, "podCIDR", first);
        }
    });
    within(obj, "status", |status| {
        if is_zero(status.get("allocatable"))
            && let Some(capacity) = status.get("capacity").filter(|c| !is_zero(Some(c))).cloned()
        {
            set(status, "allocatable", capacity);
        }
    });
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    amounts(&root.child("status"), errs);
    let spec = root.child("spec");
    let cidrs = spec.child("podCIDRs");
    for cidr in cidrs.items() {
        cidr.check(network::cidr, errs);
    }
    let families: Vec<_> = cidrs.items().filter_map(|c| network::family(c.text())).collect();
    if families.len() > 1 && (families.len() > 2 || families.first() == families.last()) {
        errs.invalid(&cidrs, "may specify no more than one CIDR for each IP family");
    }
    // Upstream reports them as if they were metadata.
    taints(&At::new(spec.child("taints").value, Path::new("metadata").child("taints")), errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
    let spec = At::root(new).child("spec");
    let null = Value::Null;
    let stored = old.get("spec").unwrap_or(&null);
    let mut kept = same(Some(&fixed(spec.value)), Some(&fixed(Some(stored))));
    if !is_zero(stored.get("podCIDRs")) && !same(spec.child("podCIDRs").value, stored.get("podCIDRs")) {
        errs.forbidden(&spec.child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
        kept = false;
    }
    if !is_zero(stored.get("providerID")) && spec.child("providerID").text() != text(stored, "/providerID") {
        errs.forbidden(&spec.child("providerID"), "node updates may not change providerID except from \"\" to valid");
        kept = false;
    }
    if !kept {
        errs.forbidden(
            &Path::new(""),
            "node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)",
        );
    }
}

/// Checks amounts, and that no address is there twice.
fn status_fields(status: &At<'_>, errs: &mut Errors) {
    amounts(status, errs);
    let mut seen = HashSet::new();
    for address in status.child("addresses").items() {
        if !seen.insert((address.child("type").text(), address.child("address").text())) {
            errs.duplicate(&address);
        }
    }
}

fn amounts(status: &At<'_>, errs: &mut Errors) {
    for field in ["capacity", "allocatable"] {
        for (key, amount) in status.child(field).entries() {
            resources::name(key, &amount, errs);
            resources::non_negative(&amount, errs);
        }
    }
}

fn taints(at: &At<'_>, errs: &mut Errors) {
    let mut seen = HashSet::new();
    for taint in at.items() {
        let (key, value, effect) = (taint.child("key"), taint.child("value"), taint.child("effect"));
        key.check(names::is_qualified_name, errs);
        if let Err(messages) = names::is_label_value(value.text()) {
            errs.invalid(&value, messages.join(";"));
        }
        resources::taint_effect(&effect, errs);
        if !seen.insert((key.text(), effect.text())) {
            errs.duplicate(&taint);
            if let Some(last) = errs.0.last_mut() {
                last.detail = "taints must be unique by key and effect pair".to_owned();
            }
        }
    }
}

/// The part of a spec that no update may change.
fn fixed(spec: Option<&Value>) -> Value {
    let fields = spec.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter(|(k, v)| !MUTABLE.contains(&k.as_str()) && !is_zero(Some(v)))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn status(obj: &Value) -> String {
    let ready = list(obj, "/status/conditions").iter().find(|c| text(c, "/type") == "Ready");
    let mut out = match ready {
        Some(condition) if text(condition, "/status") == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if is_true(obj, "/spec/unschedulable") {
        out.push_str(",SchedulingDisabled");
    }
    out
}

fn roles(obj: &Value) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in meta::labels(obj).into_iter().flatten() {
        let role = match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => role,
            None if key == ROLE_LABEL => value.as_str().unwrap_or_default(),
            None => "",
        };
        if !role.is_empty() {
            roles.insert(role);
        }
    }
    if roles.is_empty() { NONE.to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

fn address<'a>(obj: &'a Value, kind: &str) -> &'a str {
    list(obj, "/status/addresses").iter().find(|a| text(a, "/type") == kind).map_or(NONE, |a| text(a, "/address"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn allocatable_is_capacity_unless_told() {
        assert_eq!(
            defaulted(&NODE, json!({"spec": {"podCIDR": "10.0.0.0/24"}, "status": {"capacity": {"cpu": "1"}}})),
            json!({
                "spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]},
                "status": {"capacity": {"cpu": "1"}, "allocatable": {"cpu": "1"}},
            })
        );
    }

    #[test]
    fn taints_and_addresses() {
        check(
            &NODE,
            json!({"spec": {"taints": [{"effect": "NoSchedule", "key": "a"}, {"effect": "NoSchedule", "key": "a"}, {"effect": "X"}]}}),
            &[
                "metadata.taints[1]: Duplicate value: {\"effect\":\"NoSchedule\",\"key\":\"a\"}: taints must be unique by key and effect pair",
                "metadata.taints[2].key: Invalid value: \"\": name part must be non-empty",
                "metadata.taints[2].key: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                "metadata.taints[2].effect: Unsupported value: \"X\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            ],
        );
        check_update(
            &NODE,
            json!({"spec": {"podCIDR": "10.0.0.0/24"}}),
            json!({"spec": {"podCIDR": "10.0.1.0/24", "externalID": "x"}}),
            &[
                "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
                "[]: Forbidden: node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)",
            ],
        );
    }

    #[test]
    fn a_status_names_an_address_once() {
        let address = json!({"type": "InternalIP", "address": "10.0.0.1"});
        let node = json!({"status": {"addresses": [address, {"type": "Hostname", "address": "10.0.0.1"}, address]}});
        assert_eq!(
            NODE.validate_status_update(&node, &node).to_string(),
            "status.addresses[2]: Duplicate value: {\"address\":\"10.0.0.1\",\"type\":\"InternalIP\"}"
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &NODE,
            &json!({
                "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/a": ""}},
                "spec": {"unschedulable": true},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian", "kernelVersion": "6", "containerRuntimeVersion": "containerd://1"},
                    "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                },
            }),
            &[
                "n",
                "Ready,SchedulingDisabled",
                "a,control-plane",
                "<unknown>",
                "v1.36.0",
                "10.0.0.1",
                "<none>",
                "Debian",
                "6",
                "containerd://1",
            ],
        );
    }

    #[test]
    fn a_provider_id_stays() {
        check_update(
            &NODE,
            json!({"spec": {"providerID": "a"}}),
            json!({"spec": {"providerID": "b"}}),
            &[
                "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
                "[]: Forbidden: node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)",
            ],
        );
    }

    #[test]
    fn of_two_ranges_that_differ_the_single_one_counts() {
        let spec = json!({"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.1.0/24", "fd00::/64"]}});
        assert_eq!(defaulted(&NODE, spec)["spec"]["podCIDRs"], json!(["10.0.0.0/24"]));
    }
}
