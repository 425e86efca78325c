//! A network namespace without outside route, and CRI calls.

mod netns;

use std::path::{Path, PathBuf};

use corvette_proto::cri::image_service_client::ImageServiceClient;
use corvette_proto::cri::runtime_service_client::RuntimeServiceClient;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

pub use netns::in_namespace;

pub fn channel(socket: &Path) -> Channel {
    let socket: PathBuf = socket.to_owned();
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { tokio::net::UnixStream::connect(&socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://cri.invalid").connect_with_connector_lazy(connector)
}

pub type Runtime = RuntimeServiceClient<Channel>;

pub fn runtime(socket: &Path) -> Runtime {
    RuntimeServiceClient::new(channel(socket))
}

pub fn images(socket: &Path) -> ImageServiceClient<Channel> {
    ImageServiceClient::new(channel(socket))
}
