//! CustomResourceDefinition: names, versions and the presence of schemas (`apiextensions-apiserver/pkg/apis/apiextensions/validation @ v1.36`).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::admissionregistration::webhooks::client_config;
use crate::kinds::column::Column;
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{ensure, fill, fill_zero, is_true, is_zero, list, set, text, within};
use crate::kinds::kind::Kind;
use crate::kinds::strategy::Context;
use crate::{meta, names};

/// The behaviour of CustomResourceDefinitions.
pub static CUSTOM_RESOURCE_DEFINITION: Kind = Kind {
    default,
    prepare_create,
    prepare_update,
    validate,
    validate_update: Some(validate_update),
    columns: &[Column::NAME, Column::CREATED],
    unconditional_update: false,
    ..Kind::SPEC_STATUS
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    within(spec, "names", |names| {
        let kind = text(names, "/kind").to_owned();
        if !kind.is_empty() {
            fill_zero(names, "singular", kind.to_lowercase());
            fill_zero(names, "listKind", format!("{kind}List"));
        }
    });
    fill(spec, "conversion", json!({"strategy": "None"}));
    within(spec, "conversion", |conversion| {
        fill_zero(conversion, "strategy", "None");
        within(conversion, "webhook", |w| {
            within(w, "clientConfig", |c| within(c, "service", |s| fill(s, "port", 443)))
        });
    });
}

fn prepare_create(_cx: &Context, obj: &mut Value) {
    let stored: Vec<Value> = list(obj, "/spec/versions")
        .iter()
        .filter(|v| is_true(v, "/storage"))
        .filter_map(|v| v.get("name").cloned())
        .collect();
    let status = json!({"storedVersions": stored, "conditions": null, "acceptedNames": {"kind": "", "plural": ""}});
    set(obj, "status", status);
}

fn prepare_update(new: &mut Value, _old: &Value) {
    let storage =
        list(new, "/spec/versions").iter().find(|v| is_true(v, "/storage")).and_then(|v| v.get("name")).cloned();
    if let Some(name) = storage
        && let Some(status) = ensure(new, "status")
    {
        let mut stored = list(status, "/storedVersions").to_vec();
        if !stored.contains(&name) {
            stored.push(name);
            set(status, "storedVersions", stored);
        }
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let spec = root.child("spec");
    let (plural, group) = (text(obj, "/spec/names/plural"), text(obj, "/spec/group"));
    if meta::name(obj) != format!("{plural}.{group}") {
        let at = root.child("metadata").child("name");
        errs.invalid_value(&at, meta::name(obj), "must be spec.names.plural+\".\"+spec.group");
    }
    group_name(&spec.child("group"), errs);
    spec.child("scope").require_one_of(&["Cluster", "Namespaced"], errs);
    versions(&spec.child("versions"), errs);
    resource_names(&spec.child("names"), errs);
    conversion(&spec, errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    validate(new, errs);
    let spec = At::root(new).child("spec");
    immutable(&spec.child("group"), old.pointer("/spec/group"), errs);
    let established = list(old, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "Established" && text(c, "/status") == "True");
    if established {
        immutable(&spec.child("scope"), old.pointer("/spec/scope"), errs);
        for field in ["kind", "plural"] {
            immutable(&spec.child("names").child(field), old.pointer(&format!("/spec/names/{field}")), errs);
        }
    }
}

fn group_name(group: &At<'_>, errs: &mut Errors) {
    if !group.require(errs) {
        return;
    }
    group.check(names::is_dns1123_subdomain, errs);
    if !group.text().contains('.') {
        errs.invalid(group, "should be a domain with at least one dot");
    }
}

fn versions(all: &At<'_>, errs: &mut Errors) {
    if all.is_empty() {
        errs.required(all);
        return;
    }
    let mut seen = HashSet::new();
    for version in all.items() {
        let name = version.child("name");
        name.check(names::is_dns1035_label, errs);
        if !seen.insert(name.text()) {
            errs.invalid_value(all, all.value.cloned(), "must contain unique version names");
        }
        let schema = version.child("schema").child("openAPIV3Schema");
        if !schema.exists() {
            errs.required_because(&schema, "schemas are required");
        } else {
            structural(&schema, errs);
        }
        let deprecation = version.child("deprecationWarning");
        if deprecation.exists() && !version.child("deprecated").is_true() {
            errs.invalid(&deprecation, "can only be set for deprecated versions");
        }
        subresources(&version.child("subresources"), errs);
    }
    if all.items().filter(|v| v.child("storage").is_true()).count() != 1 {
        errs.invalid(all, "must have exactly one version marked as storage version");
    }
    if !all.items().any(|v| v.child("served").is_true()) {
        errs.invalid(all, "must have at least one served version");
    }
}

fn subresources(at: &At<'_>, errs: &mut Errors) {
    let scale = at.child("scale");
    if !scale.exists() {
        return;
    }
    for (field, prefix) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
        let path = scale.child(field);
        if path.is_empty() {
            errs.required(&path);
        } else if !path.text().starts_with(prefix) {
            errs.invalid(&path, format!("should be a json path under {}", prefix.trim_end_matches('.')));
        }
    }
}

/// Checks the basics of a structural schema: every property has a type, at the root it is `object`.
fn structural(schema: &At<'_>, errs: &mut Errors) {
    let kind = schema.child("type");
    if kind.is_empty() {
        errs.required_because(&kind, "must not be empty at the root");
    } else if kind.text() != "object" {
        errs.invalid(&kind, "must be object at the root");
    }
    nested(schema, errs);
}

fn nested(schema: &At<'_>, errs: &mut Errors) {
    let properties = schema.child("properties");
    let additional = schema.child("additionalProperties");
    if !properties.is_empty() && additional.value.is_some_and(|a| !is_zero(Some(a))) {
        errs.forbidden(&additional, "additionalProperties and properties are mutual exclusive");
    }
    for (_, property) in properties.entries() {
        typed(&property, errs);
    }
    if additional.object().is_some() {
        typed(&additional, errs);
    }
    let items = schema.child("items");
    if schema.child("type").text() == "array" && !items.exists() {
        errs.required_because(&items, "must be specified");
    }
    if items.exists() {
        typed(&items, errs);
    }
}

fn typed(schema: &At<'_>, errs: &mut Errors) {
    const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];
    let kind = schema.child("type");
    let open = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"]
        .iter()
        .any(|f| schema.child(*f).is_true());
    if kind.is_empty() {
        if !open {
            errs.required_because(&kind, "must not be empty for specified object fields");
        }
    } else {
        kind.one_of(TYPES, errs);
    }
    nested(schema, errs);
}

fn resource_names(all: &At<'_>, errs: &mut Errors) {
    for field in ["plural", "singular"] {
        let name = all.child(field);
        if name.is_empty() && field == "plural" {
            errs.required(&name);
        } else if !name.is_empty() {
            name.check(names::is_dns1035_label, errs);
        }
    }
    for field in ["kind", "listKind"] {
        let name = all.child(field);
        if name.is_empty() {
            errs.required(&name);
        } else {
            let lower = name.text().to_lowercase();
            for message in names::is_dns1035_label(&lower).err().unwrap_or_default() {
                errs.invalid(&name, format!("may have mixed case, but should otherwise match: {message}"));
            }
        }
    }
    if !all.child("kind").is_empty() && all.child("kind").text() == all.child("listKind").text() {
        errs.invalid(&all.child("listKind"), "kind and listKind may not be the same");
    }
    for short in all.child("shortNames").items().chain(all.child("categories").items()) {
        short.check(names::is_dns1035_label, errs);
    }
}

fn conversion(spec: &At<'_>, errs: &mut Errors) {
    let conversion = spec.child("conversion");
    let (strategy, webhook) = (conversion.child("strategy"), conversion.child("webhook"));
    strategy.one_of(&["None", "Webhook"], errs);
    if strategy.text() == "Webhook" {
        let config = webhook.child("clientConfig");
        if config.exists() {
            client_config(&config, errs);
        } else {
            errs.required_because(&config, "required when strategy is set to Webhook");
        }
        webhook.child("conversionReviewVersions").require(errs);
        if spec.child("preserveUnknownFields").is_true() {
            errs.invalid(&strategy, "must be None if spec.preserveUnknownFields is true");
        }
    } else if webhook.exists() {
        errs.forbidden(&webhook, "should not be set when strategy is not set to Webhook");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, context, defaulted};

    fn crd() -> Value {
        json!({
            "metadata": {"name": "foos.a.example"},
            "spec": {
                "group": "a.example", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
        })
    }

    #[test]
    fn names_are_derived_and_stored_versions_noted() {
        let mut obj = defaulted(&CUSTOM_RESOURCE_DEFINITION, crd());
        CUSTOM_RESOURCE_DEFINITION.prepare_create(&context(), &mut obj);
        assert_eq!(
            obj["spec"]["names"],
            json!({"plural": "foos", "kind": "Foo", "singular": "foo", "listKind": "FooList"})
        );
        assert_eq!(obj["status"]["storedVersions"], json!(["v1"]));
    }

    #[test]
    fn fields() {
        check(&CUSTOM_RESOURCE_DEFINITION, crd(), &[]);
        let mut bad = crd();
        bad["metadata"]["name"] = json!("x");
        let schema = json!({"properties": {"l": {"type": "array"}, "spec": {}}, "type": "object"});
        bad["spec"]["versions"] =
            json!([{"name": "v1", "schema": {"openAPIV3Schema": schema}, "served": true, "storage": false}]);
        check(
            &CUSTOM_RESOURCE_DEFINITION,
            bad,
            &[
                "metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group",
                "spec.versions[0].schema.openAPIV3Schema.properties[l].items: Required value: must be specified",
                "spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
                "spec.versions: Invalid value: [{\"name\":\"v1\",\"schema\":{\"openAPIV3Schema\":{\"properties\":{\"l\":{\"type\":\"array\"},\"spec\":{}},\"type\":\"object\"}},\"served\":true,\"storage\":false}]: must have exactly one version marked as storage version",
            ],
        );
    }
}
