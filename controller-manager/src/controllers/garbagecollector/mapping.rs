//! From the kind in a reference to the resource that serves it.

use std::collections::HashMap;

use corvette_client::kube::discovery::ApiResource;
use parking_lot::RwLock;

use crate::controllers::shared::discovery::Served;

/// The resources of the last discovery, by group and kind.
#[derive(Default)]
pub struct Mapping(RwLock<HashMap<(String, String), Served>>);

impl Mapping {
    /// Takes over what discovery has found.
    pub fn replace(&self, served: &[Served]) {
        let key = |s: &Served| (s.resource.group.clone(), s.resource.kind.clone());
        *self.0.write() = served.iter().map(|s| (key(s), s.clone())).collect();
    }

    /// Returns the resource of `kind` in the group of `api_version`, whatever the version: `None` when there is none.
    pub fn find(&self, api_version: &str, kind: &str) -> Option<Served> {
        self.0.read().get(&(group(api_version).to_owned(), kind.to_owned())).cloned()
    }
}

/// Returns the group of an API version; empty for the core group.
pub fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Returns the API version that a resource is served in.
pub fn api_version(resource: &ApiResource) -> String {
    resource.api_version.clone()
}
