//! FlowSchema (`pkg/apis/flowcontrol/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::values::{ensure, fill_zero, int, list, text};
use crate::kinds::printing::{NONE, age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::names;

/// The behaviour of FlowSchemas.
pub struct FlowSchema;

const MAX_PRECEDENCE: i64 = 10000;
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("PriorityLevel", "string", "Level of matching requests."),
    Column::new("MatchingPrecedence", "string", "Order in which schemas are tried."),
    Column::new("DistinguisherMethod", "string", "How requests are told apart."),
    Column::AGE,
    Column::new("MissingPL", "string", "Whether the level does not exist."),
];

impl Strategy for FlowSchema {
    fn default(&self, obj: &mut Value) {
        if let Some(spec) = ensure(obj, "spec") {
            fill_zero(spec, "matchingPrecedence", 1000);
        }
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let spec = At::root(obj).child("spec");
        let precedence = spec.child("matchingPrecedence");
        let number = precedence.i64().unwrap_or(0);
        if number <= 0 {
            errs.invalid_value(&precedence, number, "must be a positive value");
        }
        if number > MAX_PRECEDENCE {
            errs.invalid(&precedence, format!("must not be greater than {MAX_PRECEDENCE}"));
        }
        let method = spec.child("distinguisherMethod");
        if method.exists() && !["ByNamespace", "ByUser"].contains(&method.child("type").text()) {
            errs.not_supported_value(&method, method.child("type").text(), &["ByNamespace", "ByUser"]);
        }
        let level = spec.child("priorityLevelConfiguration").child("name");
        if level.require(&mut errs) {
            level.check(names::is_dns1123_subdomain, &mut errs);
        }
        for rule in spec.child("rules").items() {
            validate_rule(&rule, &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let method = match text(obj, "/spec/distinguisherMethod/type") {
            "" => NONE,
            method => method,
        };
        let dangling = list(obj, "/status/conditions").iter().find(|c| text(c, "/type") == "Dangling");
        vec![
            name(obj),
            text(obj, "/spec/priorityLevelConfiguration/name").into(),
            int(obj, "/spec/matchingPrecedence").unwrap_or(0).into(),
            method.into(),
            age(obj, now),
            dangling.map_or("?", |c| text(c, "/status")).into(),
        ]
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

fn validate_rule(rule: &At<'_>, errs: &mut Errors) {
    let subjects = rule.child("subjects");
    if subjects.is_empty() {
        errs.required_because(&subjects, "subjects must contain at least one value");
    }
    for subject in subjects.items() {
        let kind = subject.child("kind");
        let (field, name) = match kind.text() {
            "User" => ("user", "name"),
            "Group" => ("group", "name"),
            "ServiceAccount" => ("serviceAccount", "name"),
            other => {
                errs.not_supported_value(&kind, other, &["Group", "ServiceAccount", "User"]);
                continue;
            }
        };
        let at = subject.child(field);
        if at.exists() {
            at.child(name).require(errs);
        } else {
            errs.required_because(&at, format!("{field} is required when subject kind is '{}'", kind.text()));
        }
    }
    let (resources, urls) = (rule.child("resourceRules"), rule.child("nonResourceRules"));
    if resources.is_empty() && urls.is_empty() {
        errs.required_because(rule, "at least one of resourceRules and nonResourceRules has to be non-empty");
    }
    for one in resources.items() {
        for field in ["verbs", "apiGroups", "resources"] {
            one.child(field).require(errs);
        }
        if one.child("namespaces").is_empty() && !one.child("clusterScope").is_true() {
            errs.required_because(
                &one.child("namespaces"),
                "resource rules that are not cluster scoped must supply at least one namespace",
            );
        }
    }
    for one in urls.items() {
        for field in ["verbs", "nonResourceURLs"] {
            one.child(field).require(errs);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn fields() {
        let rule = json!({"subjects": [{"kind": "Group", "group": {"name": "*"}}], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]});
        check(&FlowSchema, json!({"spec": {"priorityLevelConfiguration": {"name": "l"}, "rules": [rule]}}), &[]);
        check(
            &FlowSchema,
            json!({"spec": {"rules": [{"subjects": [{"kind": "User"}]}]}}),
            &[
                "spec.priorityLevelConfiguration.name: Required value",
                "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
                "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
            ],
        );
    }
}
