//! Role and ClusterRole (`pkg/apis/rbac/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::cells::created_at;
use crate::kinds::common::selector;
use crate::kinds::printing::name;
use crate::kinds::{Column, Strategy};
use crate::names;

/// The behaviour of Roles.
pub struct Role;

/// The behaviour of ClusterRoles.
pub struct ClusterRole;

const COLUMNS: &[Column] = &[Column::NAME, Column::new("Created At", "date", "Time of creation.")];

impl Strategy for Role {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        for rule in At::root(obj).child("rules").items() {
            validate_rule(&rule, Reach::Namespace, &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        vec![name(obj), created_at(obj)]
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        names::is_path_segment_name(name)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

impl Strategy for ClusterRole {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        for rule in root.child("rules").items() {
            validate_rule(&rule, Reach::Cluster, &mut errs);
        }
        let aggregation = root.child("aggregationRule");
        if aggregation.exists() {
            let selectors = aggregation.child("clusterRoleSelectors");
            if selectors.is_empty() {
                errs.required_because(
                    &selectors,
                    "at least one clusterRoleSelector required if aggregationRule is non-nil",
                );
            }
            for one in selectors.items() {
                selector::validate(&one, &mut errs);
            }
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        vec![name(obj), created_at(obj)]
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        names::is_path_segment_name(name)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Namespace,
    Cluster,
}

fn validate_rule(rule: &At<'_>, reach: Reach, errs: &mut Errors) {
    let verbs = rule.child("verbs");
    if verbs.is_empty() {
        errs.required_because(&verbs, "verbs must contain at least one value");
    }
    let (urls, groups, resources) = (rule.child("nonResourceURLs"), rule.child("apiGroups"), rule.child("resources"));
    if !urls.is_empty() {
        if reach == Reach::Namespace {
            errs.invalid(&urls, "namespaced rules cannot apply to non-resource URLs");
        }
        if !groups.is_empty() || !resources.is_empty() || !rule.child("resourceNames").is_empty() {
            errs.invalid(&urls, "rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if groups.is_empty() {
        errs.required_because(&groups, "resource rules must supply at least one api group");
    }
    if resources.is_empty() {
        errs.required_because(&resources, "resource rules must supply at least one resource");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn rules() {
        check(&Role, json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}), &[]);
        check(
            &Role,
            json!({"rules": [{}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
                "rules[1].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
            ],
        );
        check(&ClusterRole, json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}), &[]);
        check(
            &ClusterRole,
            json!({"aggregationRule": {}}),
            &[
                "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
            ],
        );
        assert!(ClusterRole.validate_name("system:node").is_ok() && Role.validate_name("a/b").is_err());
    }
}
