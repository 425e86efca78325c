//! A network namespace without outside route, and CRI calls.

use std::path::{Path, PathBuf};
use std::process::Command;

use corvette_proto::cri::image_service_client::ImageServiceClient;
use corvette_proto::cri::runtime_service_client::RuntimeServiceClient;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "CORVETTE_TEST_NETNS";

/// Runs the calling test again in a network and mount namespace of its own and asserts its success; returns `true` in
/// the process that must do the work.
pub fn in_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
        return true;
    }
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    false
}

pub fn channel(socket: &Path) -> Channel {
    let socket: PathBuf = socket.to_owned();
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { tokio::net::UnixStream::connect(&socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://cri.invalid").connect_with_connector_lazy(connector)
}

pub fn runtime(socket: &Path) -> RuntimeServiceClient<Channel> {
    RuntimeServiceClient::new(channel(socket))
}

pub fn images(socket: &Path) -> ImageServiceClient<Channel> {
    ImageServiceClient::new(channel(socket))
}
