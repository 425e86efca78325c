//! A pod as decisions see it.

use std::sync::Arc;

use corvette_client::placement::{host_ports, of_pod, of_pod_nonzero};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::{HostPort, NodeMatcher, Resources, Toleration};

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
    /// Names of the scheduling gates that still hold it.
    pub gates: Vec<String>,
}

impl PodInfo {
    /// Takes the facts from the API object. `None` for an object without name, uid or spec.
    pub fn from_api(pod: &Pod) -> Option<Self> {
        let meta = &pod.metadata;
        let spec = pod.spec.as_ref()?;
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
            gates: spec.scheduling_gates.iter().flatten().map(|g| g.name.clone()).collect(),
        })
    }
}
