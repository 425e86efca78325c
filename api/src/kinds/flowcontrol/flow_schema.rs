//! FlowSchema (`pkg/apis/flowcontrol/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{condition, ensure, fill_zero, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::names;

const MAX_PRECEDENCE: i64 = 10000;
/// The behaviour of FlowSchemas.
pub static FLOW_SCHEMA: Kind = Kind {
    default,
    validate,
    columns: &[
        Column::NAME,
        Column::text("PriorityLevel", "/spec/priorityLevelConfiguration/name", "Level of matching requests."),
        Column::count("MatchingPrecedence", "/spec/matchingPrecedence", "Order in which schemas are tried.")
            .typed("string"),
        Column::text("DistinguisherMethod", "/spec/distinguisherMethod/type", "How requests are told apart.").or(NONE),
        Column::AGE,
        Column::new(
            "MissingPL",
            "string",
            |obj, _| condition(obj, "Dangling").map_or("?", |c| text(c, "/status")).into(),
            "Whether the level does not exist.",
        ),
    ],
    unconditional_update: false,
    ..Kind::SPEC_STATUS
};

fn default(obj: &mut Value) {
    if let Some(spec) = ensure(obj, "spec") {
        fill_zero(spec, "matchingPrecedence", 1000);
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
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
    spec.child("priorityLevelConfiguration").child("name").require_valid(names::is_dns1123_subdomain, errs);
    for rule in spec.child("rules").items() {
        validate_rule(&rule, errs);
    }
}

fn validate_rule(rule: &At<'_>, errs: &mut Errors) {
    let subjects = rule.child("subjects");
    subjects.require_because("subjects must contain at least one value", errs);
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
        check(&FLOW_SCHEMA, json!({"spec": {"priorityLevelConfiguration": {"name": "l"}, "rules": [rule]}}), &[]);
        check(
            &FLOW_SCHEMA,
            json!({"spec": {"rules": [{"subjects": [{"kind": "User"}]}]}}),
            &[
                "spec.priorityLevelConfiguration.name: Required value",
                "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
                "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
            ],
        );
    }
}
