//! A pod as decisions see it.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::resources::{of_pod, of_pod_nonzero};
use super::{NodeMatcher, Resources, Toleration};

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

/// A port that a pod takes on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Address it listens on, `0.0.0.0` for all.
    pub ip: String,
    /// Port, never 0.
    pub port: i32,
}

impl HostPort {
    /// Whether both cannot be on one node.
    pub fn conflicts(&self, other: &Self) -> bool {
        let any = |ip: &str| ip == "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || any(&self.ip) || any(&other.ip))
    }
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

fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|c| c.ports.iter().flatten())
        .filter_map(|port| {
            Some(HostPort {
                port: port.host_port.filter(|p| *p > 0)?,
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                ip: port.host_ip.clone().filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".to_owned()),
            })
        })
        .collect()
}
