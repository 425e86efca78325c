//! Discovery documents: the legacy ones (`/api`, `/apis`, `/apis/<group>`, `/apis/<group>/<version>`) and the aggregated ones.
//!
//! Pure functions of a [`Registry`]; the caller caches them for as long as the registry does not change.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use corvette_api::gvk::{GroupVersionKind, join_api_version};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::registry::{GroupInfo, Registry, Row, Subresource, Verbs};

/// A rendered document and its entity tag.
#[derive(Debug, Clone)]
pub struct Document {
    /// JSON.
    pub body: Bytes,
    /// Strong entity tag, quotes included.
    pub etag: String,
}

impl Document {
    /// Renders a value and computes its tag from the bytes.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let body = value.to_string();
        let mut etag = String::with_capacity(130);
        etag.push('"');
        for byte in Sha512::digest(body.as_bytes()) {
            // Writing to a String cannot fail.
            let _ = write!(etag, "{byte:02X}");
        }
        etag.push('"');
        Self { body: body.into(), etag }
    }
}

/// Version of the aggregated discovery format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregated {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`.
    V2Beta1,
}

impl Aggregated {
    const fn version(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2Beta1 => "v2beta1",
        }
    }

    /// Returns the parameters that follow the media type in the document's `Content-Type`.
    #[must_use]
    pub const fn parameters(self) -> &'static str {
        match self {
            Self::V2 => ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Self::V2Beta1 => ";g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        }
    }
}

/// Which of the two roots a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// `/api`: the core group.
    Core,
    /// `/apis`: all other groups.
    Groups,
}

/// Renders `/api`: versions of the core group; `server_address` is `host:port` as clients reach it.
#[must_use]
pub fn core(registry: &Registry, server_address: &str) -> Value {
    let versions: Vec<&str> = registry.group("").iter().flat_map(|g| g.versions.iter().map(AsRef::as_ref)).collect();
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    })
}

/// Renders `/apis`: all groups but core with their versions.
#[must_use]
pub fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = named_groups(registry).map(|g| group_body(g).into()).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// Renders `/apis/<group>`; `None` when the group is unknown or core.
#[must_use]
pub fn group(registry: &Registry, name: &str) -> Option<Value> {
    let info = named_groups(registry).find(|g| g.name == name)?;
    let mut body = Map::new();
    body.insert("kind".into(), "APIGroup".into());
    body.insert("apiVersion".into(), "v1".into());
    body.extend(group_body(info));
    Some(body.into())
}

/// Renders `/api/v1` and `/apis/<group>/<version>`; `None` when the version is unknown.
#[must_use]
pub fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    if !registry.has_version(group, version) {
        return None;
    }
    let mut body = Map::new();
    body.insert("kind".into(), "APIResourceList".into());
    if !group.is_empty() {
        body.insert("apiVersion".into(), "v1".into());
    }
    body.insert("groupVersion".into(), join_api_version(group, version).into());
    let resources: Vec<Value> = sorted_rows(registry, group, version).into_iter().flat_map(legacy_rows).collect();
    body.insert("resources".into(), resources.into());
    Some(body.into())
}

/// Renders the aggregated document of a root.
#[must_use]
pub fn aggregated(registry: &Registry, root: Root, format: Aggregated) -> Value {
    let items: Vec<Value> = registry
        .groups()
        .iter()
        .filter(|g| g.name.is_empty() == (root == Root::Core))
        .map(|g| aggregated_group(registry, g))
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{}", format.version()),
        "metadata": {},
        "items": items,
    })
}

/// Returns the hash that tells clients which version objects are stored in.
///
/// Follows `apiserver/pkg/endpoints/discovery/storageversionhash.go: StorageVersionHash @ v1.36`.
#[must_use]
pub fn storage_version_hash(group: &str, version: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{group}/{version}/{kind}").as_bytes());
    STANDARD.encode(digest.get(..8).unwrap_or_default())
}

fn named_groups(registry: &Registry) -> impl Iterator<Item = &GroupInfo> {
    registry.groups().iter().filter(|g| !g.name.is_empty())
}

fn group_body(info: &GroupInfo) -> Map<String, Value> {
    let version = |v: &str| json!({"groupVersion": join_api_version(&info.name, v), "version": v});
    let versions: Vec<Value> = info.versions.iter().map(|v| version(v)).collect();
    let mut body = Map::new();
    body.insert("name".into(), info.name.as_ref().into());
    if let Some(first) = versions.first() {
        body.insert("preferredVersion".into(), first.clone());
    }
    body.insert("versions".into(), versions.into());
    body
}

fn sorted_rows<'a>(registry: &'a Registry, group: &'a str, version: &'a str) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = registry.version_rows(group, version).map(AsRef::as_ref).collect();
    rows.sort_by(|a, b| a.plural.cmp(&b.plural));
    rows
}

fn verb_names(verbs: Verbs) -> Vec<&'static str> {
    verbs.iter().map(|v| v.as_str()).collect()
}

fn legacy_rows(row: &Row) -> Vec<Value> {
    let mut main = Map::new();
    main.insert("name".into(), row.plural.as_ref().into());
    main.insert("singularName".into(), row.singular.as_ref().into());
    main.insert("namespaced".into(), row.is_namespaced().into());
    main.insert("kind".into(), row.kind.as_ref().into());
    main.insert("verbs".into(), verb_names(row.verbs).into());
    insert_names(&mut main, "shortNames", &row.short_names);
    insert_names(&mut main, "categories", &row.categories);
    if let Some(storage) = row.storage() {
        let hash = storage_version_hash(&storage.group, &storage.version, &storage.kind);
        main.insert("storageVersionHash".into(), hash.into());
    }
    std::iter::once(main.into()).chain(row.subresources.iter().map(|sub| legacy_sub(row, sub))).collect()
}

fn legacy_sub(row: &Row, sub: &Subresource) -> Value {
    let mut body = Map::new();
    body.insert("name".into(), format!("{}/{}", row.plural, sub.name()).into());
    body.insert("singularName".into(), "".into());
    body.insert("namespaced".into(), row.is_namespaced().into());
    if sub.foreign {
        body.insert("group".into(), sub.object.group.as_ref().into());
        body.insert("version".into(), sub.object.version.as_ref().into());
    }
    body.insert("kind".into(), sub.object.kind.as_ref().into());
    body.insert("verbs".into(), verb_names(sub.verbs).into());
    body.into()
}

fn insert_names(body: &mut Map<String, Value>, field: &str, names: &[crate::registry::Text]) {
    if !names.is_empty() {
        body.insert(field.into(), names.iter().map(AsRef::as_ref).collect::<Vec<&str>>().into());
    }
}

fn aggregated_group(registry: &Registry, info: &GroupInfo) -> Value {
    let versions: Vec<Value> = info
        .versions
        .iter()
        .map(|version| {
            let rows = sorted_rows(registry, &info.name, version);
            let resources: Vec<Value> = rows.into_iter().map(aggregated_row).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let metadata = if info.name.is_empty() { json!({}) } else { json!({"name": info.name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn response_kind(gvk: &GroupVersionKind) -> Value {
    json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind})
}

fn aggregated_row(row: &Row) -> Value {
    let mut body = Map::new();
    body.insert("resource".into(), row.plural.as_ref().into());
    body.insert("responseKind".into(), response_kind(&row.gvk()));
    body.insert("scope".into(), if row.is_namespaced() { "Namespaced" } else { "Cluster" }.into());
    body.insert("singularResource".into(), row.singular.as_ref().into());
    body.insert("verbs".into(), verb_names(row.verbs).into());
    insert_names(&mut body, "shortNames", &row.short_names);
    insert_names(&mut body, "categories", &row.categories);
    if !row.subresources.is_empty() {
        let subs: Vec<Value> = row
            .subresources
            .iter()
            .map(|sub| {
                json!({
                    "subresource": sub.name(),
                    "responseKind": response_kind(&sub.object),
                    "verbs": verb_names(sub.verbs),
                })
            })
            .collect();
        body.insert("subresources".into(), subs.into());
    }
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'a>(list: &'a Value, field: &str, name: &str) -> &'a Value {
        list.as_array().expect("array").iter().find(|v| v[field] == name).expect("present")
    }

    #[test]
    fn storage_version_hashes_are_upstreams() {
        assert_eq!(storage_version_hash("", "v1", "Pod"), "xPOwRZ+Yhw8=");
        assert_eq!(storage_version_hash("apps", "v1", "Deployment"), "8aSe+NMegvE=");
    }

    #[test]
    fn legacy_resources_look_like_upstreams() {
        let registry = Registry::builtin();
        let list = resources(&registry, "apps", "v1").expect("served");
        assert_eq!(list["groupVersion"], "apps/v1");
        assert_eq!(
            *named(&list["resources"], "name", "deployments"),
            json!({
                "name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment",
                "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
                "shortNames": ["deploy"], "categories": ["all"], "storageVersionHash": "8aSe+NMegvE=",
            })
        );
        assert_eq!(
            *named(&list["resources"], "name", "deployments/scale"),
            json!({
                "name": "deployments/scale", "singularName": "", "namespaced": true, "group": "autoscaling", "version": "v1",
                "kind": "Scale", "verbs": ["get", "patch", "update"],
            })
        );
        let core = resources(&registry, "", "v1").expect("served");
        assert_eq!(named(&core["resources"], "name", "pods/exec")["kind"], "PodExecOptions");
        assert!(core.get("apiVersion").is_none());
        assert!(resources(&registry, "apps", "v9").is_none());
    }

    #[test]
    fn groups_name_the_preferred_version() {
        let registry = Registry::builtin();
        let list = groups(&registry);
        let hpa = named(&list["groups"], "name", "autoscaling");
        assert_eq!(hpa["preferredVersion"]["groupVersion"], "autoscaling/v2");
        assert_eq!(group(&registry, "autoscaling").expect("served")["kind"], "APIGroup");
        assert!(group(&registry, "").is_none());
        assert_eq!(core(&registry, "h:1")["versions"], json!(["v1"]));
    }

    #[test]
    fn aggregated_documents_cover_every_row() {
        let registry = Registry::builtin();
        let mut seen = 0;
        for root in [Root::Core, Root::Groups] {
            let list = aggregated(&registry, root, Aggregated::V2);
            assert_eq!(list["apiVersion"], "apidiscovery.k8s.io/v2");
            for item in list["items"].as_array().expect("items") {
                for version in item["versions"].as_array().expect("versions") {
                    seen += version["resources"].as_array().expect("resources").len();
                }
            }
        }
        assert_eq!(seen, registry.rows().len());
    }

    #[test]
    fn a_tag_changes_with_the_content() {
        let (a, b) = (Document::of(&json!({"a": 1})), Document::of(&json!({"a": 2})));
        assert_ne!(a.etag, b.etag);
        assert_eq!(a.etag.len(), 130);
    }
}
