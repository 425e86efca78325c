//! The few CRI calls needed to know that containerd works and to empty it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corvette_proto::cri::image_service_client::ImageServiceClient;
use corvette_proto::cri::runtime_service_client::RuntimeServiceClient;
use corvette_proto::cri::{
    ImageSpec, ImageStatusRequest, ListContainersRequest, ListPodSandboxRequest, RemovePodSandboxRequest,
    StopPodSandboxRequest, VersionRequest,
};
use hyper_util::rt::TokioIo;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

/// Deadline of the calls that only look.
const LOOK: Duration = Duration::from_secs(5);
/// Deadline of the calls that end containers. They kill, so a pod that takes longer is stuck.
const REMOVE: Duration = Duration::from_secs(10);

/// A connection made at the first call.
#[derive(Debug, Clone)]
pub(super) struct Cri {
    channel: Channel,
}

impl Cri {
    pub(super) fn new(socket: &Path) -> Self {
        let socket: PathBuf = socket.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { tokio::net::UnixStream::connect(&socket).await.map(TokioIo::new) }
        });
        Self { channel: Endpoint::from_static("http://cri.invalid").connect_with_connector_lazy(connector) }
    }

    /// Whether the CRI service answers; gives the runtime's version.
    pub(super) async fn version(&self) -> Result<String, Status> {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        let request = with_deadline(VersionRequest { version: "v1".to_owned() }, LOOK);
        let answer = client.version(request).await?.into_inner();
        Ok(format!("{} {}", answer.runtime_name, answer.runtime_version))
    }

    /// Whether an image is known.
    pub(super) async fn has_image(&self, reference: &str) -> Result<bool, Status> {
        let image = Some(ImageSpec { image: reference.to_owned(), ..Default::default() });
        let request = with_deadline(ImageStatusRequest { image, verbose: false }, LOOK);
        let mut client = ImageServiceClient::new(self.channel.clone());
        Ok(client.image_status(request).await?.into_inner().image.is_some())
    }

    /// Ids of all sandboxes in any state.
    pub(super) async fn sandboxes(&self) -> Result<Vec<String>, Status> {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        let answer = client.list_pod_sandbox(with_deadline(ListPodSandboxRequest { filter: None }, LOOK)).await?;
        Ok(answer.into_inner().items.into_iter().map(|sandbox| sandbox.id).collect())
    }

    /// Ids of all sandboxes and containers in any state.
    pub(super) async fn ids(&self) -> Result<BTreeSet<String>, Status> {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        let answer = client.list_containers(with_deadline(ListContainersRequest { filter: None }, LOOK)).await?;
        let containers = answer.into_inner().containers.into_iter().map(|container| container.id);
        Ok(containers.chain(self.sandboxes().await?).collect())
    }

    /// Ends and removes a sandbox with its containers and network.
    pub(super) async fn remove_sandbox(&self, id: &str) -> Result<(), Status> {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        client.stop_pod_sandbox(with_deadline(StopPodSandboxRequest { pod_sandbox_id: id.to_owned() }, REMOVE)).await?;
        client
            .remove_pod_sandbox(with_deadline(RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() }, REMOVE))
            .await?;
        Ok(())
    }
}

/// A request that gives up on both ends after `deadline`.
fn with_deadline<T>(message: T, deadline: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline);
    request
}
