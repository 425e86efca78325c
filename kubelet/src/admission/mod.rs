//! Whether this node takes a pod: pods can be bound by hand, or by a scheduler that saw an older state.
//!
//! A pod is judged once, before anything is made for it. What is judged against are the pods that were admitted before
//! ([`Ledger`]) and the node's object. Judging is pure, one check per row of the table in [`checks`].

mod checks;
mod ledger;
mod resources;
mod sysctls;

pub use ledger::{Holding, Ledger};
pub(crate) use sysctls::dotted;

use corvette_client::placement::{NodeMatcher, Resources, Taint, Toleration};
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::eviction::Pressure;
use crate::status::Verdict;

/// What the node's object says, as far as pods depend on it.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// What pods may have.
    pub allocatable: Resources,
    /// How many pods it may run.
    pub pods: usize,
    /// Whether its kernel enforces AppArmor profiles.
    pub app_armor: bool,
    /// What it has too little of.
    pub pressure: Pressure,
}

impl NodeFacts {
    /// Takes the facts from the API object, and from the machine what it does not say.
    pub fn from_api(node: &Node, app_armor: bool, pressure: Pressure) -> Self {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.clone()).unwrap_or_default();
        let pods =
            allocatable.get("pods").and_then(crate::resources::value).and_then(|pods| usize::try_from(pods).ok());
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: taints.iter().filter_map(Taint::from_api).collect(),
            allocatable: Resources::from_map(&allocatable),
            pods: pods.unwrap_or(usize::MAX),
            app_armor,
            pressure,
        }
    }
}

/// What a check looks at.
struct Facts<'a> {
    pod: &'a Pod,
    wanted: &'a Holding,
    node: &'a NodeFacts,
    others: &'a [&'a Holding],
    matcher: NodeMatcher,
    tolerations: Vec<Toleration>,
}

/// Judges a pod.
///
/// # Errors
/// Why the node does not take it; reasons and messages are upstream's (`pkg/kubelet/lifecycle/predicate.go @ v1.36`).
pub fn judge(pod: &Pod, wanted: &Holding, node: &NodeFacts, others: &[&Holding]) -> Result<(), Verdict> {
    let spec = pod.spec.clone().unwrap_or_default();
    let facts = Facts {
        pod,
        wanted,
        node,
        others,
        matcher: NodeMatcher::from_spec(&spec),
        tolerations: spec.tolerations.iter().flatten().map(Toleration::from_api).collect(),
    };
    match checks::CHECKS.iter().find_map(|check| check(&facts)) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
