//! Role and ClusterRole (`pkg/apis/rbac/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::kind::Kind;
use crate::labels::Selector;
use crate::names;

/// The behaviour of Roles.
pub static ROLE: Kind = Kind { validate: |obj, errs| rules(obj, Reach::Namespace, errs), ..COMMON };

/// The behaviour of ClusterRoles.
pub static CLUSTER_ROLE: Kind = Kind {
    validate: |obj, errs| {
        rules(obj, Reach::Cluster, errs);
        aggregation(&At::root(obj).child("aggregationRule"), errs);
    },
    ..COMMON
};

const COMMON: Kind = Kind {
    columns: &[Column::NAME, Column::CREATED],
    name: names::is_path_segment_name,
    create_on_update: true,
    ..Kind::DATA
};

fn rules(obj: &Value, reach: Reach, errs: &mut Errors) {
    for rule in At::root(obj).child("rules").items() {
        validate_rule(&rule, reach, errs);
    }
}

fn aggregation(at: &At<'_>, errs: &mut Errors) {
    if !at.exists() {
        return;
    }
    let selectors = at.child("clusterRoleSelectors");
    selectors.require_because("at least one clusterRoleSelector required if aggregationRule is non-nil", errs);
    for one in selectors.items() {
        selector::validate(&one, errs);
        if one.value.is_some_and(|value| Selector::from_label_selector(value).is_err()) {
            errs.invalid(&one, "invalid label selector.");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Namespace,
    Cluster,
}

fn validate_rule(rule: &At<'_>, reach: Reach, errs: &mut Errors) {
    let verbs = rule.child("verbs");
    verbs.require_because("verbs must contain at least one value", errs);
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
    groups.require_because("resource rules must supply at least one api group", errs);
    resources.require_because("resource rules must supply at least one resource", errs);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn rules() {
        check(&ROLE, json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}), &[]);
        check(
            &ROLE,
            json!({"rules": [{}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
                "rules[1].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
            ],
        );
        check(&CLUSTER_ROLE, json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}), &[]);
        check(
            &CLUSTER_ROLE,
            json!({"aggregationRule": {}}),
            &[
                "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
            ],
        );
        assert!((CLUSTER_ROLE.name)("system:node").is_ok() && (ROLE.name)("a/b").is_err());
    }

    #[test]
    fn selectors_can_be_used() {
        let errors = Errors::of(|errs| {
            aggregation(&At::root(&json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b c"}}]})), errs);
        });
        assert!(errors.to_string().ends_with("invalid label selector.]"), "{errors}");
    }
}
