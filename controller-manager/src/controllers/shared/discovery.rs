//! All resources that the API serves, each in its preferred version.

use corvette_client::kube::discovery::{ApiResource, Discovery, Scope};
use corvette_client::kube::{Client, Error};

/// One resource and what can be done with it.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its group, version, kind and plural.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Its verbs.
    pub verbs: Vec<String>,
}

impl Served {
    /// Says whether all of `verbs` are supported.
    pub fn supports(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|verb| self.verbs.iter().any(|known| known == verb))
    }

    /// Returns `plural.version.group`, as upstream prints resources in messages.
    pub fn label(&self) -> String {
        let ApiResource { group, version, plural, .. } = &self.resource;
        if group.is_empty() { format!("{plural}.{version}") } else { format!("{plural}.{version}.{group}") }
    }
}

/// Asks the API for its resources.
///
/// # Errors
/// When the API cannot be reached or its answer does not parse.
pub async fn resources(client: &Client) -> Result<Vec<Served>, Error> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let served = discovery.groups().flat_map(|group| group.resources_by_stability());
    let mut served: Vec<Served> = served
        .map(|(resource, capabilities)| Served {
            namespaced: capabilities.scope == Scope::Namespaced,
            verbs: capabilities.operations,
            resource,
        })
        .collect();
    served.sort_by(|a, b| (&a.resource.group, &a.resource.plural).cmp(&(&b.resource.group, &b.resource.plural)));
    Ok(served)
}
