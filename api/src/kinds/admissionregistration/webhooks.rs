//! ValidatingWebhookConfiguration and MutatingWebhookConfiguration (`pkg/apis/admissionregistration/validation @ v1.36`).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::matching;
use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::selector;
use crate::kinds::common::values::{each, fill, within};
use crate::kinds::kind::Kind;
use crate::names;

/// The behaviour of ValidatingWebhookConfigurations.
pub static VALIDATING: Kind = Kind {
    default: |obj| each(obj, "webhooks", default_webhook),
    validate,
    columns: &[Column::NAME, Column::len("Webhooks", "/webhooks", "Number of webhooks."), Column::AGE],
    unconditional_update: false,
    ..Kind::COUNTED
};

/// The behaviour of MutatingWebhookConfigurations, whose webhooks may be asked again.
pub static MUTATING: Kind = Kind {
    default: |obj| {
        each(obj, "webhooks", |hook| {
            default_webhook(hook);
            fill(hook, "reinvocationPolicy", "Never");
        });
    },
    validate: |obj, errs| {
        validate(obj, errs);
        for hook in At::root(obj).child("webhooks").items() {
            hook.child("reinvocationPolicy").one_of(&["IfNeeded", "Never"], errs);
        }
    },
    ..VALIDATING
};

const KNOWN_REVIEW_VERSIONS: &[&str] = &["v1", "v1beta1"];

fn default_webhook(hook: &mut Value) {
    fill(hook, "failurePolicy", "Fail");
    fill(hook, "matchPolicy", "Equivalent");
    fill(hook, "namespaceSelector", json!({}));
    fill(hook, "objectSelector", json!({}));
    fill(hook, "timeoutSeconds", 10);
    within(hook, "clientConfig", |c| within(c, "service", |s| fill(s, "port", 443)));
    matching::default_rules(hook, "rules");
}

fn validate(obj: &Value, errs: &mut Errors) {
    let mut seen = HashSet::new();
    for hook in At::root(obj).child("webhooks").items() {
        webhook(&hook, errs);
        if !seen.insert(hook.child("name").text()) {
            errs.duplicate(&hook.child("name"));
        }
    }
}

fn webhook(hook: &At<'_>, errs: &mut Errors) {
    let name = hook.child("name");
    if name.require(errs) {
        if let Err(messages) = names::is_dns1123_subdomain(name.text()) {
            errs.invalid(&name, messages.join(","));
        } else if name.text().split('.').count() < 3 {
            errs.invalid(&name, "should be a domain with at least three segments separated by dots");
        }
    }
    let versions = hook.child("admissionReviewVersions");
    let mut seen = HashSet::new();
    for version in versions.items() {
        version.check(names::is_dns1035_label, errs);
        if !seen.insert(version.text()) {
            errs.invalid(&version, "duplicate version");
        }
    }
    if versions.is_empty() {
        errs.required_because(&versions, format!("must specify one of {}", KNOWN_REVIEW_VERSIONS.join(", ")));
    } else if !versions.array().iter().any(|v| KNOWN_REVIEW_VERSIONS.iter().any(|k| v == k)) {
        errs.invalid(&versions, format!("must include at least one of {}", KNOWN_REVIEW_VERSIONS.join(", ")));
    }
    for rule in hook.child("rules").items() {
        matching::rule(&rule, errs);
    }
    hook.child("failurePolicy").one_of(&["Fail", "Ignore"], errs);
    hook.child("matchPolicy").one_of(&["Equivalent", "Exact"], errs);
    let effects = hook.child("sideEffects");
    if effects.require_because("must specify one of None, NoneOnDryRun", errs) {
        effects.one_of(&["None", "NoneOnDryRun"], errs);
    }
    if hook.child("timeoutSeconds").i64().is_some_and(|t| !(1..=30).contains(&t)) {
        errs.invalid(&hook.child("timeoutSeconds"), "the timeout value must be between 1 and 30 seconds");
    }
    for field in ["namespaceSelector", "objectSelector"] {
        selector::validate(&hook.child(field), errs);
    }
    client_config(&hook.child("clientConfig"), errs);
    matching::conditions(&hook.child("matchConditions"), errs);
}

/// Checks where a webhook is reached: a URL or a service.
pub fn client_config(config: &At<'_>, errs: &mut Errors) {
    let (url, service) = (config.child("url"), config.child("service"));
    match (url.exists(), service.exists()) {
        (true, true) | (false, false) => errs.required_because(config, "exactly one of url or service is required"),
        (true, false) => {
            let rest = url.text().strip_prefix("https://");
            if rest.is_none() {
                errs.invalid(&url, "'https' is the only allowed URL scheme; desired format: https://host[/path]");
            }
            let rest = rest.or_else(|| url.text().split_once("://").map(|(_, rest)| rest)).unwrap_or_default();
            if rest.split(['/', '?', '#']).next().is_none_or(str::is_empty) {
                errs.invalid(&url, "host must be provided; desired format: https://host[/path]");
            }
        }
        (false, true) => {
            for (field, detail) in
                [("name", "service name is required"), ("namespace", "service namespace is required")]
            {
                if service.child(field).is_empty() {
                    errs.required_because(&service.child(field), detail);
                }
            }
            let path = service.child("path");
            if !path.is_empty() && !path.text().starts_with('/') {
                errs.invalid(&path, "must start with a '/'");
            }
            if service.child("port").i64().is_some_and(|p| !(1..=65535).contains(&p)) {
                errs.invalid(&service.child("port"), "port is not valid: must be between 1 and 65535, inclusive");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, defaulted};

    fn hook() -> Value {
        json!({
            "name": "a.b.c", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"name": "s", "namespace": "n"}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        })
    }

    #[test]
    fn defaults() {
        let obj = defaulted(&MUTATING, json!({"webhooks": [hook()]}));
        let hook = &obj["webhooks"][0];
        assert_eq!((&hook["timeoutSeconds"], &hook["reinvocationPolicy"]), (&json!(10), &json!("Never")));
        assert_eq!(hook["clientConfig"]["service"]["port"], 443);
        assert_eq!(hook["rules"][0]["scope"], "*");
    }

    #[test]
    fn fields() {
        check(&VALIDATING, json!({"webhooks": [hook()]}), &[]);
        check(
            &VALIDATING,
            json!({"webhooks": [{"name": "a", "admissionReviewVersions": ["v1"], "clientConfig": {}, "rules": [{}]}]}),
            &[
                "webhooks[0].name: Invalid value: \"a\": should be a domain with at least three segments separated by dots",
                "webhooks[0].rules[0].operations: Required value",
                "webhooks[0].rules[0].apiGroups: Required value",
                "webhooks[0].rules[0].apiVersions: Required value",
                "webhooks[0].rules[0].resources: Required value",
                "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun",
                "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
            ],
        );
    }

    #[test]
    fn names_versions_and_urls() {
        let says = |change: Value| {
            let mut hook = hook();
            hook.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            Errors::of(|errs| webhook(&At::root(&hook), errs)).to_string()
        };
        assert_eq!(says(json!({"name": ""})), "name: Required value");
        assert!(!says(json!({"name": "A_b"})).contains("three segments"));
        assert!(says(json!({"admissionReviewVersions": ["v1", "V"]})).contains("a DNS-1035 label must consist of"));
        assert_eq!(
            says(json!({"admissionReviewVersions": ["v1", "v1"]})),
            "admissionReviewVersions[1]: Invalid value: \"v1\": duplicate version"
        );
        let url = |url: &str| says(json!({"clientConfig": {"url": url}}));
        let (scheme, host) = (
            "'https' is the only allowed URL scheme; desired format: https://host[/path]",
            "host must be provided; desired format: https://host[/path]",
        );
        for (given, expected) in [
            ("https://a/b", "[]".to_owned()),
            ("http://a", format!("clientConfig.url: Invalid value: \"http://a\": {scheme}")),
            ("https:///b", format!("clientConfig.url: Invalid value: \"https:///b\": {host}")),
            (
                "x",
                format!(
                    "[clientConfig.url: Invalid value: \"x\": {scheme}, clientConfig.url: Invalid value: \"x\": {host}]"
                ),
            ),
        ] {
            assert_eq!(url(given), expected, "{given}");
        }
    }
}
