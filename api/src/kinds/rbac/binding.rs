//! RoleBinding and ClusterRoleBinding (`pkg/apis/rbac/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::values::{each, fill_zero, list, same, text, within};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of RoleBindings.
pub struct RoleBinding;

/// The behaviour of ClusterRoleBindings.
pub struct ClusterRoleBinding;

const GROUP: &str = "rbac.authorization.k8s.io";
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Role", "string", "Role that is granted."),
    Column::AGE,
    Column::wide("Users", "string", "Users it is granted to."),
    Column::wide("Groups", "string", "Groups it is granted to."),
    Column::wide("ServiceAccounts", "string", "Service accounts it is granted to."),
];

impl Strategy for RoleBinding {
    fn default(&self, obj: &mut Value) {
        fill_groups(obj);
    }

    fn validate(&self, obj: &Value) -> Errors {
        validate(obj, &["ClusterRole", "Role"], true)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        same_role(new, old, &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        cells(obj, now)
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        names::is_path_segment_name(name)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

impl Strategy for ClusterRoleBinding {
    fn default(&self, obj: &mut Value) {
        fill_groups(obj);
    }

    fn validate(&self, obj: &Value) -> Errors {
        validate(obj, &["ClusterRole"], false)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = self.validate(new);
        same_role(new, old, &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        cells(obj, now)
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        names::is_path_segment_name(name)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

fn fill_groups(obj: &mut Value) {
    within(obj, "roleRef", |role| fill_zero(role, "apiGroup", GROUP));
    each(obj, "subjects", |subject| {
        if ["User", "Group"].contains(&text(subject, "/kind")) {
            fill_zero(subject, "apiGroup", GROUP);
        }
    });
}

// `namespaced` says whether subjects inherit a namespace.
fn validate(obj: &Value, roles: &[&str], namespaced: bool) -> Errors {
    let mut errs = Errors::new();
    let root = At::root(obj);
    let role = root.child("roleRef");
    let (group, kind, role_name) = (role.child("apiGroup"), role.child("kind"), role.child("name"));
    if group.text() != GROUP {
        errs.not_supported_value(&group, group.text(), &[GROUP]);
    }
    if !roles.contains(&kind.text()) {
        errs.not_supported_value(&kind, kind.text(), roles);
    }
    if role_name.require(&mut errs) {
        role_name.check(names::is_path_segment_name, &mut errs);
    }
    for subject in root.child("subjects").items() {
        validate_subject(&subject, namespaced, &mut errs);
    }
    errs
}

fn validate_subject(subject: &At<'_>, namespaced: bool, errs: &mut Errors) {
    let (kind, name, group) = (subject.child("kind"), subject.child("name"), subject.child("apiGroup"));
    name.require(errs);
    match kind.text() {
        "ServiceAccount" => {
            if !name.is_empty() {
                name.check(names::is_dns1123_subdomain, errs);
            }
            if !group.is_empty() {
                errs.not_supported(&group, &[""]);
            }
            if !namespaced {
                subject.child("namespace").require(errs);
            }
        }
        "User" | "Group" => {
            if group.text() != GROUP {
                errs.not_supported_value(&group, group.text(), &[GROUP]);
            }
        }
        other => errs.not_supported_value(&kind, other, &["ServiceAccount", "User", "Group"]),
    }
}

fn same_role(new: &Value, old: &Value, errs: &mut Errors) {
    let role = At::root(new).child("roleRef");
    if !same(role.value, old.get("roleRef")) {
        errs.invalid(&role, "cannot change roleRef");
    }
}

fn cells(obj: &Value, now: Timestamp) -> Vec<Value> {
    let subjects = |kind: &str| -> Value {
        let names: Vec<String> = list(obj, "/subjects")
            .iter()
            .filter(|s| text(s, "/kind") == kind)
            .map(|s| match (kind, text(s, "/name")) {
                ("ServiceAccount", name) => format!("{}/{name}", text(s, "/namespace")),
                (_, name) => name.to_owned(),
            })
            .collect();
        names.join(", ").into()
    };
    vec![
        name(obj),
        format!("{}/{}", text(obj, "/roleRef/kind"), text(obj, "/roleRef/name")).into(),
        age(obj, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update};

    fn binding(role: &str, subjects: Value) -> Value {
        json!({"metadata": {"name": "b"}, "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}, "subjects": subjects})
    }

    #[test]
    fn roles_and_subjects() {
        let account = json!([{"kind": "ServiceAccount", "name": "a"}]);
        check(&RoleBinding, binding("r", account.clone()), &[]);
        check(&ClusterRoleBinding, binding("r", account), &["subjects[0].namespace: Required value"]);
        check(
            &ClusterRoleBinding,
            json!({"roleRef": {"kind": "Role", "name": ""}, "subjects": [{"kind": "X", "name": "x"}]}),
            &[
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "roleRef.name: Required value",
                "subjects[0].kind: Unsupported value: \"X\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            ],
        );
        check_update(
            &RoleBinding,
            binding("r", json!([])),
            binding("s", json!([])),
            &[
                "roleRef: Invalid value: {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"s\"}: cannot change roleRef",
            ],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &RoleBinding,
            &binding(
                "r",
                json!([{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "a", "namespace": "n"}]),
            ),
            &["b", "ClusterRole/r", "<unknown>", "u", "", "n/a"],
        );
    }
}
