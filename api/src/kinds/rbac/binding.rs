//! RoleBinding and ClusterRoleBinding (`pkg/apis/rbac/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{each, ensure, fill_zero, list, same, text};
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of RoleBindings.
pub static ROLE_BINDING: Kind = Kind {
    validate: in_namespace,
    validate_update: Some(|new, old, errs| {
        in_namespace(new, errs);
        same_role(new, old, errs);
    }),
    ..COMMON
};

/// The behaviour of ClusterRoleBindings.
pub static CLUSTER_ROLE_BINDING: Kind = Kind {
    validate: in_cluster,
    validate_update: Some(|new, old, errs| {
        in_cluster(new, errs);
        same_role(new, old, errs);
    }),
    ..COMMON
};

const GROUP: &str = "rbac.authorization.k8s.io";
const COMMON: Kind = Kind {
    default: fill_groups,
    columns: &[
        Column::NAME,
        Column::shown(
            "Role",
            |obj| format!("{}/{}", text(obj, "/roleRef/kind"), text(obj, "/roleRef/name")),
            "Role that is granted.",
        ),
        Column::AGE,
        Column::shown("Users", |obj| subjects(obj, "User"), "Users it is granted to.").wide(),
        Column::shown("Groups", |obj| subjects(obj, "Group"), "Groups it is granted to.").wide(),
        Column::shown("ServiceAccounts", |obj| subjects(obj, "ServiceAccount"), "Service accounts it is granted to.")
            .wide(),
    ],
    name: names::is_path_segment_name,
    create_on_update: true,
    ..Kind::DATA
};

fn in_namespace(obj: &Value, errs: &mut Errors) {
    validate(obj, &["ClusterRole", "Role"], true, errs);
}

fn in_cluster(obj: &Value, errs: &mut Errors) {
    validate(obj, &["ClusterRole"], false, errs);
}

fn fill_groups(obj: &mut Value) {
    if let Some(role) = ensure(obj, "roleRef") {
        fill_zero(role, "apiGroup", GROUP);
    }
    each(obj, "subjects", |subject| {
        if ["User", "Group"].contains(&text(subject, "/kind")) {
            fill_zero(subject, "apiGroup", GROUP);
        }
    });
}

// `namespaced` says whether subjects inherit a namespace.
fn validate(obj: &Value, roles: &[&str], namespaced: bool, errs: &mut Errors) {
    let root = At::root(obj);
    let role = root.child("roleRef");
    let (group, kind, role_name) = (role.child("apiGroup"), role.child("kind"), role.child("name"));
    if group.text() != GROUP {
        errs.not_supported_value(&group, group.text(), &[GROUP]);
    }
    if !roles.contains(&kind.text()) {
        errs.not_supported_value(&kind, kind.text(), roles);
    }
    role_name.require_valid(names::is_path_segment_name, errs);
    for subject in root.child("subjects").items() {
        validate_subject(&subject, namespaced, errs);
    }
}

fn validate_subject(subject: &At<'_>, namespaced: bool, errs: &mut Errors) {
    let (kind, name, group) = (subject.child("kind"), subject.child("name"), subject.child("apiGroup"));
    name.require(errs);
    match kind.text() {
        "ServiceAccount" => {
            name.check_given(names::is_dns1123_subdomain, errs);
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

fn subjects(obj: &Value, kind: &str) -> String {
    let of_kind = list(obj, "/subjects").iter().filter(|s| text(s, "/kind") == kind);
    let names = of_kind.map(|s| match (kind, text(s, "/name")) {
        ("ServiceAccount", name) => format!("{}/{name}", text(s, "/namespace")),
        (_, name) => name.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
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
        check(&ROLE_BINDING, binding("r", account.clone()), &[]);
        check(&CLUSTER_ROLE_BINDING, binding("r", account), &["subjects[0].namespace: Required value"]);
        check(
            &CLUSTER_ROLE_BINDING,
            json!({"roleRef": {"kind": "Role", "name": ""}, "subjects": [{"kind": "X", "name": "x"}]}),
            &[
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "roleRef.name: Required value",
                "subjects[0].kind: Unsupported value: \"X\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            ],
        );
        check(
            &ROLE_BINDING,
            json!({}),
            &[
                "roleRef.kind: Unsupported value: \"\": supported values: \"ClusterRole\", \"Role\"",
                "roleRef.name: Required value",
            ],
        );
        check_update(
            &ROLE_BINDING,
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
            &ROLE_BINDING,
            &binding(
                "r",
                json!([{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "a", "namespace": "n"}]),
            ),
            &["b", "ClusterRole/r", "<unknown>", "u", "", "n/a"],
        );
    }
}
