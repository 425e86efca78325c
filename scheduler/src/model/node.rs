//! A node as decisions see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

use super::{Resources, Taint};

/// The facts of a node that do not depend on its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Name.
    pub name: Arc<str>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What pods may use.
    pub allocatable: Resources,
    /// How many pods may run.
    pub max_pods: i64,
    /// Taints with known effects.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable` (cordoned).
    pub unschedulable: bool,
}

impl NodeInfo {
    /// Takes the facts from the API object. `None` for a node without a name.
    pub fn from_api(node: &Node) -> Option<Self> {
        let spec = node.spec.as_ref();
        let allocatable = node.status.as_ref().and_then(|s| s.allocatable.as_ref());
        let max_pods = allocatable.and_then(|a| a.get("pods")).and_then(|q| q.0.parse().ok());
        Some(Self {
            name: node.metadata.name.as_deref()?.into(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            allocatable: allocatable.map(Resources::from_map).unwrap_or_default(),
            max_pods: max_pods.unwrap_or(0),
            taints: spec.and_then(|s| s.taints.as_ref()).into_iter().flatten().filter_map(Taint::from_api).collect(),
            unschedulable: spec.and_then(|s| s.unschedulable).unwrap_or(false),
        })
    }
}
