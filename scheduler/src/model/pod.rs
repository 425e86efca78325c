//! A pod as decisions see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::placement::{host_ports, of_pod, of_pod_nonzero};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Volume};

use super::{HostPort, NodeMatcher, PodTerms, Resources, Spread, Toleration};

/// Names one incarnation of a pod: a pod that was deleted and made again has another uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodKey {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid.
    pub uid: Arc<str>,
}

/// A claim of storage that a pod mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRef {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is made for the pod and goes with it.
    pub is_ephemeral: bool,
}

/// The facts of a pod that placing it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodInfo {
    /// Who it is.
    pub key: PodKey,
    /// `spec.nodeName`, the node it is on or was put on by hand.
    pub node: Option<Arc<str>>,
    /// `spec.priority`; higher goes first.
    pub priority: i32,
    /// Whether it may have lower pods evicted (`spec.preemptionPolicy` is not `Never`).
    pub may_preempt: bool,
    /// When it was created; earlier goes first.
    pub created: Timestamp,
    /// What it asks for.
    pub requests: Resources,
    /// The same for scoring, where nothing asked counts as a little.
    pub scored: Resources,
    /// Ports it takes on the node.
    pub ports: Vec<HostPort>,
    /// Taints it bears.
    pub tolerations: Vec<Toleration>,
    /// Labels its node must or should have.
    pub node_matcher: NodeMatcher,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// What it says about pods near it.
    pub terms: PodTerms,
    /// Over which domains it is to be spread.
    pub spreads: Vec<Spread>,
    /// The claims of storage it mounts.
    pub claims: Vec<ClaimRef>,
    /// Whether its deletion has begun.
    pub terminating: bool,
    /// Names of the scheduling gates that still hold it.
    pub gates: Vec<String>,
}

impl PodInfo {
    /// Takes the facts from the API object. `None` for an object without name, uid or spec.
    pub fn from_api(pod: &Pod) -> Option<Self> {
        let meta = &pod.metadata;
        let spec = pod.spec.as_ref()?;
        let labels = meta.labels.clone().unwrap_or_default();
        Some(Self {
            key: PodKey {
                namespace: meta.namespace.as_deref()?.into(),
                name: meta.name.as_deref()?.into(),
                uid: meta.uid.as_deref()?.into(),
            },
            node: spec.node_name.as_deref().filter(|n| !n.is_empty()).map(Into::into),
            priority: spec.priority.unwrap_or(0),
            may_preempt: spec.preemption_policy.as_deref() != Some("Never"),
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |t| t.0),
            requests: of_pod(spec),
            scored: of_pod_nonzero(spec),
            ports: host_ports(spec),
            tolerations: spec.tolerations.iter().flatten().map(Toleration::from_api).collect(),
            node_matcher: NodeMatcher::from_spec(spec),
            terms: PodTerms::from_spec(spec, meta.namespace.as_deref()?, &labels),
            spreads: spec.topology_spread_constraints.iter().flatten().map(|c| Spread::from_api(c, &labels)).collect(),
            claims: spec.volumes.iter().flatten().filter_map(|v| claim(v, meta.name.as_deref()?)).collect(),
            labels: Arc::new(labels),
            terminating: meta.deletion_timestamp.is_some(),
            gates: spec.scheduling_gates.iter().flatten().map(|g| g.name.clone()).collect(),
        })
    }
}

fn claim(volume: &Volume, pod: &str) -> Option<ClaimRef> {
    if volume.ephemeral.is_some() {
        return Some(ClaimRef { name: format!("{pod}-{}", volume.name).into(), is_ephemeral: true });
    }
    let claim = volume.persistent_volume_claim.as_ref()?;
    Some(ClaimRef { name: claim.claim_name.as_str().into(), is_ephemeral: false })
}
