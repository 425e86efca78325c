//! Whole documents.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use corvette_api::schema as table;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::descriptions::{self, Descriptions};
use super::operations::{add_paths, definition_of, root};
use super::{Dialect, schema};
use crate::registry::{Registry, Row};

const TITLE: &str = "Kubernetes";
const VERSION: &str = "v1.36.0";
/// Definitions that operations name beside the kinds themselves.
const COMMON: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
];

/// Builds the Swagger 2.0 document of all rows.
#[must_use]
pub fn v2(registry: &Registry) -> Value {
    let mut paths = Map::new();
    let text = descriptions::expand();
    let descriptions = Descriptions::of(&text);
    let mut definitions: Map<String, Value> = table::definitions()
        .iter()
        .map(|d| (d.name().to_owned(), schema::definition(d, Dialect::V2, &descriptions)))
        .collect();
    for row in registry.rows() {
        add_paths(row, Dialect::V2, &mut paths);
        add_custom(row, Dialect::V2, &descriptions, &mut definitions);
    }
    add_missing(&mut definitions);
    json!({
        "swagger": "2.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": paths,
        "definitions": definitions,
    })
}

/// Builds the OpenAPI 3.0 document of one group and version, named by its path (`api/v1`, `apis/apps/v1`); `None` when it is
/// not served.
#[must_use]
pub fn v3(registry: &Registry, path: &str) -> Option<Value> {
    let (group, version) = parse(path)?;
    if !registry.has_version(group, version) {
        return None;
    }
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let text = descriptions::expand();
    let descriptions = Descriptions::of(&text);
    let mut names = BTreeSet::new();
    for name in COMMON {
        schema::collect_named(name, &mut names);
    }
    for row in registry.version_rows(group, version) {
        add_paths(row, Dialect::V3, &mut paths);
        add_custom(row, Dialect::V3, &descriptions, &mut schemas);
        let own = definition_of(row);
        schema::collect_named(&own, &mut names);
        schema::collect_named(&format!("{own}List"), &mut names);
        for definition in row.subresources.iter().filter_map(|s| s.definition.as_deref()) {
            schema::collect_named(definition, &mut names);
        }
    }
    for def in names.iter().filter_map(|n| table::definition(n)) {
        schemas.insert(def.name().to_owned(), schema::definition(def, Dialect::V3, &descriptions));
    }
    add_missing(&mut schemas);
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// Builds the index of the 3.0 documents.
#[must_use]
pub fn v3_index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for group in registry.groups() {
        for version in &group.versions {
            let path = root(&group.name, version);
            let path = path.trim_start_matches('/');
            let url = format!("/openapi/v3/{path}?hash={}", hash(registry, &group.name, version));
            paths.insert(path.to_owned(), json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

/// Returns the hash that names the current content of a 3.0 document; `None` when it is not served.
#[must_use]
pub fn v3_hash(registry: &Registry, path: &str) -> Option<String> {
    let (group, version) = parse(path)?;
    registry.has_version(group, version).then(|| hash(registry, group, version))
}

/// Hashes what a document is made of (rows, descriptions and this program's version), which is far cheaper than making it.
fn hash(registry: &Registry, group: &str, version: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    digest.update(descriptions::fingerprint());
    for row in registry.version_rows(group, version) {
        digest.update(format!("{row:?}"));
    }
    digest.finalize().iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02X}");
        out
    })
}

fn parse(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.split('/');
    match (parts.next()?, parts.next()?, parts.next(), parts.next()) {
        ("api", version, None, None) => Some(("", version)),
        ("apis", group, Some(version), None) => Some((group, version)),
        _ => None,
    }
}

/// Adds definitions that operations refer to and the table does not hold.
fn add_missing(definitions: &mut Map<String, Value>) {
    for name in COMMON {
        definitions.entry(*name).or_insert_with(|| json!({"type": "object"}));
    }
}

/// Adds the open definitions of a custom resource and its list.
fn add_custom(row: &Row, dialect: Dialect, descriptions: &Descriptions<'_>, definitions: &mut Map<String, Value>) {
    if row.definition.is_some() {
        return;
    }
    let own = definition_of(row);
    let gvk = |kind: &str| json!([{"group": row.group, "kind": kind, "version": row.version}]);
    let list = json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": dialect.reference("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta")},
            "items": {"type": "array", "items": {"$ref": dialect.reference(&own)}},
        },
        "x-kubernetes-group-version-kind": gvk(&row.list_kind),
    });
    let object = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-group-version-kind": gvk(&row.kind),
    });
    definitions.insert(format!("{own}List"), list);
    definitions.insert(own, object);
    for name in ["io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"] {
        if let Some(def) = table::definition(name) {
            definitions.entry(name).or_insert_with(|| schema::definition(def, dialect, descriptions));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    out.insert(target.clone());
                }
                map.values().for_each(|v| references(v, out));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, out)),
            _ => {}
        }
    }

    fn assert_closed(document: &Value, prefix: &str, definitions: &Value) {
        let mut found = BTreeSet::new();
        references(document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let name = target.strip_prefix(prefix).expect("prefix");
            assert!(definitions.get(name).is_some(), "{target}");
        }
    }

    #[test]
    fn every_reference_of_v2_leads_somewhere() {
        let document = v2(&Registry::builtin());
        assert_closed(&document, "#/definitions/", &document["definitions"]);
        assert!(document["definitions"].as_object().expect("map").len() > 770);
    }

    #[test]
    fn every_v3_document_is_closed_and_indexed() {
        let registry = Registry::builtin();
        let index = v3_index(&registry);
        let paths = index["paths"].as_object().expect("map");
        assert!(paths.contains_key("api/v1") && paths.contains_key("apis/apps/v1"));
        for (path, entry) in paths {
            let document = v3(&registry, path).expect("served");
            assert_closed(&document, "#/components/schemas/", &document["components"]["schemas"]);
            let hash = v3_hash(&registry, path).expect("served");
            assert!(entry["serverRelativeURL"].as_str().expect("text").ends_with(&hash));
        }
        assert!(v3(&registry, "apis/nope/v1").is_none() && v3(&registry, "api").is_none());
    }

    #[test]
    fn custom_resources_have_an_open_definition() {
        let registry = Registry::builtin();
        let mut row = Row::clone(registry.find("", "v1", "configmaps").expect("row"));
        row.group = "example.com".into();
        row.kind = "Foo".into();
        row.definition = None;
        let registry = registry.with_group("example.com", [row]);
        let document = v3(&registry, "apis/example.com/v1").expect("served");
        assert_eq!(
            document["components"]["schemas"]["com.example.v1.Foo"]["x-kubernetes-preserve-unknown-fields"],
            true
        );
        assert_closed(&document, "#/components/schemas/", &document["components"]["schemas"]);
    }
}
