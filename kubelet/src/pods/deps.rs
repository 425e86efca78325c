//! What the workers of all pods share.

use std::sync::Arc;

use corvette_client::informer::Informer;
use corvette_component::clock::SharedClock;
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::Service;
use kube::Client;

use crate::blueprint::Host;
use crate::cri::Runtime;
use crate::events::PodEvents;
use crate::objects::Objects;
use crate::status::Writer;
use crate::volumes::Volumes;

/// What the workers of all pods share.
pub struct Deps {
    /// The API.
    pub client: Client,
    /// The runtime.
    pub runtime: Runtime,
    /// Prefix of container ids, such as `containerd`.
    pub runtime_name: String,
    /// What the node gives to pods.
    pub host: Arc<Host>,
    /// Addresses of the node, primary first.
    pub node_ips: Vec<String>,
    /// Events.
    pub events: PodEvents,
    /// Status writer.
    pub status: Writer,
    /// Volumes.
    pub volumes: Volumes,
    /// Config maps and secrets.
    pub objects: Objects,
    /// Services, for environment variables.
    pub services: Informer<Service>,
    /// Clock.
    pub clock: SharedClock,
    /// Where workers are spawned.
    pub tasks: Tasks,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("node_ips", &self.node_ips).finish_non_exhaustive()
    }
}
