//! What the server serves, and which of it a word means.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::request::{Accept, Requests, segment};

/// One resource in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// API group, empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind of its objects.
    pub kind: String,
    /// Plural name, as in paths.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Short names.
    pub short: Vec<String>,
    /// Categories such as `all`.
    pub categories: Vec<String>,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// Verbs.
    pub verbs: Vec<String>,
}

impl Resource {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `/v1` or `apps/v1`.
    pub fn versioned(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// `pods` or `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `pod` or `deployment.apps`, as objects are named in output.
    pub fn qualified_singular(&self) -> String {
        let singular = self.kind.to_lowercase();
        if self.group.is_empty() { singular } else { format!("{singular}.{}", self.group) }
    }

    /// Path of the collection, of all namespaces when `namespace` is `None`.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.version, self.plural),
            None => format!("{root}/{}/{}", self.version, self.plural),
        }
    }

    /// Path of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(Some(namespace)), segment(name))
    }

    /// Whether it has this verb.
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

/// Everything served, preferred versions first.
#[derive(Debug, Clone)]
pub struct Resources {
    all: Vec<Resource>,
}

impl Resources {
    /// Reads the server's two aggregated discovery documents.
    pub async fn discover(requests: &Requests) -> Result<Self> {
        let mut all = Vec::new();
        for path in ["/api", "/apis"] {
            let document = requests.get(path, Accept::Discovery).await?;
            let groups = document.get("items").and_then(Value::as_array);
            all.extend(groups.into_iter().flatten().flat_map(of_group));
        }
        Ok(Self { all })
    }

    /// All resources, groups and versions in the server's order of preference.
    pub fn all(&self) -> &[Resource] {
        &self.all
    }

    /// The resource that `word` means: plural, singular, short name or kind, optionally with `.group` or `.version.group`.
    pub fn find(&self, word: &str) -> Result<&Resource> {
        let (name, rest) = word.split_once('.').unwrap_or((word, ""));
        // `pods.v1.` says that the group is the core one.
        let core = rest.strip_suffix('.');
        let lower = name.to_lowercase();
        let matching = |r: &&Resource| {
            let place = rest.is_empty()
                || core.is_some_and(|version| r.group.is_empty() && r.version == version)
                || r.group == rest
                || (r.group.starts_with(rest) && r.group.get(rest.len()..).is_some_and(|tail| tail.starts_with('.')))
                || format!("{}.{}", r.version, r.group).trim_end_matches('.') == rest;
            place
                && (r.plural == lower
                    || r.singular == lower
                    || r.short.contains(&lower)
                    || r.kind.to_lowercase() == lower)
        };
        match self.all.iter().find(matching) {
            Some(found) => Ok(found),
            None => bail!("the server doesn't have a resource type \"{name}\""),
        }
    }

    /// The resource of objects of this version and kind.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.all.iter().find(|r| r.kind == kind && r.api_version() == api_version)
    }

    /// Listable resources of a category, each once; empty when there is no such category.
    pub fn in_category(&self, category: &str) -> Vec<&Resource> {
        let mut found: Vec<&Resource> = Vec::new();
        for resource in self.all.iter().filter(|r| r.can("list") && r.categories.iter().any(|c| c == category)) {
            if !found.iter().any(|r| r.plural == resource.plural && r.group == resource.group) {
                found.push(resource);
            }
        }
        found
    }
}

fn of_group(group: &Value) -> Vec<Resource> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let words =
        |value: &Value, key: &str| list(value, key).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let name = group.get("metadata").map(|m| text(m, "name")).unwrap_or_default();
    let mut found = Vec::new();
    for version in list(group, "versions") {
        for resource in list(&version, "resources") {
            found.push(Resource {
                group: name.clone(),
                version: text(&version, "version"),
                kind: resource.get("responseKind").map(|k| text(k, "kind")).unwrap_or_default(),
                plural: text(&resource, "resource"),
                singular: text(&resource, "singularResource"),
                short: words(&resource, "shortNames"),
                categories: words(&resource, "categories"),
                namespaced: text(&resource, "scope") == "Namespaced",
                verbs: words(&resource, "verbs"),
            });
        }
    }
    found
}
