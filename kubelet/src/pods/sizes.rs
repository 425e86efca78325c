//! What of a container's resources can change while it runs: processor and memory. Pure.
//!
//! A container carries the sizes it was made with in an annotation; what was changed since is in the API's status and in
//! the worker's memory. Changing to the same sizes again does no harm.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};

use super::observed;
use crate::resources::List;

/// Resources that can change.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

/// Sizes of running containers, by CRI id, where they are not those of the annotation.
pub type Applied = HashMap<String, ResourceRequirements>;

fn resizable(list: Option<&List>) -> Option<List> {
    let kept = list?.iter().filter(|(name, _)| RESIZABLE.contains(&name.as_str()));
    let kept: List = kept.map(|(name, quantity)| (name.clone(), quantity.clone())).collect();
    (!kept.is_empty()).then_some(kept)
}

/// The sizes in a list of resources.
pub fn of(resources: Option<&ResourceRequirements>) -> ResourceRequirements {
    ResourceRequirements {
        claims: None,
        limits: resizable(resources.and_then(|resources| resources.limits.as_ref())),
        requests: resizable(resources.and_then(|resources| resources.requests.as_ref())),
    }
}

/// The sizes that a running instance has; `None` when nobody knows.
pub fn current<'a>(applied: &'a Applied, last: &'a observed::Container) -> Option<&'a ResourceRequirements> {
    applied.get(&last.id).or(last.sizes.as_ref())
}

/// How a running container gets from one size to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has the size already.
    None,
    /// While it runs.
    InPlace,
    /// By a new instance, as its spec asks for.
    Restart,
}

/// Compares sizes; `resizePolicy` decides for each resource that changes.
pub fn change(container: &Container, from: &ResourceRequirements, to: &ResourceRequirements) -> Change {
    if from == to {
        return Change::None;
    }
    let differs = |name: &str| {
        let get = |list: &Option<List>| list.as_ref().and_then(|list| list.get(name)).cloned();
        get(&from.limits) != get(&to.limits) || get(&from.requests) != get(&to.requests)
    };
    let mut policies = container.resize_policy.iter().flatten();
    let restart = policies.any(|policy| policy.restart_policy == "RestartContainer" && differs(&policy.resource_name));
    if restart { Change::Restart } else { Change::InPlace }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(cpu: &str, memory: &str) -> Container {
        serde_json::from_value(json!({
            "name": "c",
            "resources": {"requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "1Gi"}},
            "resizePolicy": [
                {"resourceName": "cpu", "restartPolicy": "NotRequired"},
                {"resourceName": "memory", "restartPolicy": "RestartContainer"}
            ]
        }))
        .unwrap()
    }

    #[test]
    fn the_policy_of_what_changes_decides() {
        let sizes = |cpu, memory| of(container(cpu, memory).resources.as_ref());
        let from = sizes("1", "1Gi");
        assert!(!from.requests.as_ref().unwrap().contains_key("ephemeral-storage"));
        let how = |to| change(&container("1", "1Gi"), &from, &to);
        assert_eq!(how(sizes("1", "1Gi")), Change::None);
        assert_eq!(how(sizes("2", "1Gi")), Change::InPlace);
        assert_eq!(how(sizes("2", "2Gi")), Change::Restart);
    }
}
