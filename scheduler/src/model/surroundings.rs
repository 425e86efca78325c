//! What decisions depend on beside nodes and pods.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use corvette_api::labels::Selector;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::terms::compile;
use super::{NodeTerms, PodInfo};

/// A namespace and a name in it.
pub type Named = (Arc<str>, Arc<str>);

/// Namespaces, volumes and disruption budgets.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Labels of namespaces.
    pub namespaces: HashMap<Arc<str>, BTreeMap<String, String>>,
    /// Claims of storage.
    pub claims: HashMap<Named, ClaimInfo>,
    /// From which nodes volumes can be reached; `None` from all.
    pub volumes: HashMap<Arc<str>, Option<NodeTerms>>,
    /// Classes whose claims are bound when their first pod has a node.
    pub delayed_classes: BTreeSet<Arc<str>>,
    /// Disruption budgets.
    pub budgets: HashMap<Named, BudgetInfo>,
}

/// A claim of storage as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimInfo {
    /// The volume it is bound to.
    pub volume: Option<Arc<str>>,
    /// Its storage class.
    pub class: Option<Arc<str>>,
    /// Whether its volume is gone.
    pub is_lost: bool,
    /// Whether it is being deleted.
    pub is_deleted: bool,
}

impl ClaimInfo {
    /// Takes the facts from the API object.
    pub fn from_api(claim: &PersistentVolumeClaim) -> Self {
        let spec = claim.spec.as_ref();
        let filled = |text: Option<&String>| text.filter(|text| !text.is_empty()).map(|text| text.as_str().into());
        Self {
            volume: filled(spec.and_then(|spec| spec.volume_name.as_ref())),
            class: filled(spec.and_then(|spec| spec.storage_class_name.as_ref())),
            is_lost: claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost"),
            is_deleted: claim.metadata.deletion_timestamp.is_some(),
        }
    }
}

/// Returns from which nodes a volume can be reached.
pub fn reach(volume: &PersistentVolume) -> Option<NodeTerms> {
    let required = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    Some(NodeTerms::from_api(required))
}

/// A disruption budget as preemption sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetInfo {
    selector: Selector,
    /// How many pods may go.
    pub allowed: i32,
    /// Pods whose going is counted already.
    disrupted: BTreeSet<String>,
}

impl BudgetInfo {
    /// Takes the facts from the API object.
    pub fn from_api(budget: &PodDisruptionBudget) -> Self {
        let status = budget.status.clone().unwrap_or_default();
        Self {
            selector: compile(budget.spec.as_ref().and_then(|spec| spec.selector.as_ref())),
            allowed: status.disruptions_allowed.unwrap_or_default(),
            disrupted: status.disrupted_pods.unwrap_or_default().into_keys().collect(),
        }
    }

    /// Says whether the pod's going would have to be allowed.
    pub fn protects(&self, pod: &PodInfo) -> bool {
        // Upstream: a pod without labels is protected by no budget.
        !pod.labels.is_empty() && self.selector.matches(&*pod.labels) && !self.disrupted.contains(&*pod.key.name)
    }
}
