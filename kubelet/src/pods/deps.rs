//! What the workers of all pods share.

use std::sync::Arc;

use corvette_client::informer::Informer;
use corvette_component::clock::SharedClock;
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use tokio::sync::oneshot;

use crate::admission::Ledger;
use crate::blueprint::Host;
use crate::cri::{self, Runtime};
use crate::events::PodEvents;
use crate::eviction::Pressures;
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
    /// What the node has too little of.
    pub pressures: Pressures,
    /// Pods that this node has taken.
    pub ledger: Ledger,
    /// Clock.
    pub clock: SharedClock,
    /// Where workers are spawned.
    pub tasks: Tasks,
}

impl Deps {
    /// Makes a call that is not given up when the worker that asks is dropped: a runtime takes back what it was doing
    /// when its caller goes, and a container that had begun would be killed. The call is drained on shutdown.
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, cri::Error>> + Send + 'static,
    ) -> Result<T, cri::Error> {
        let (sender, receiver) = oneshot::channel();
        self.tasks.spawn(call, async move {
            // Nobody waits for the answer when the worker was dropped.
            let _ = sender.send(work.await);
        });
        receiver.await.unwrap_or_else(|_| {
            let message = "the call was interrupted".to_owned();
            Err(cri::Error::Unavailable(cri::Failure { call, code: tonic::Code::Cancelled, message }))
        })
    }
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("node_ips", &self.node_ips).finish_non_exhaustive()
    }
}
