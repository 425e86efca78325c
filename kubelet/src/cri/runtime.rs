//! The connection, and the calls about the runtime, sandboxes and containers.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corvette_proto::containerd_events::events_client::EventsClient;
use corvette_proto::containerd_tasks::tasks_client::TasksClient;
use corvette_proto::cri::image_service_client::ImageServiceClient;
use corvette_proto::cri::runtime_service_client::RuntimeServiceClient;
use corvette_proto::cri::{
    Container, ContainerConfig, ContainerFilter, ContainerStatusRequest, ContainerStatusResponse,
    CreateContainerRequest, LinuxContainerResources, ListContainersRequest, ListPodSandboxRequest, NetworkConfig,
    PodSandbox, PodSandboxConfig, PodSandboxFilter, PodSandboxStatusRequest, PodSandboxStatusResponse,
    RemoveContainerRequest, RemovePodSandboxRequest, ReopenContainerLogRequest, RunPodSandboxRequest, RuntimeConfig,
    StartContainerRequest, StatusRequest, StatusResponse, StopContainerRequest, StopPodSandboxRequest,
    UpdateContainerResourcesRequest, UpdateRuntimeConfigRequest, VersionRequest, VersionResponse,
};
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

use super::{Error, Result};
use crate::metrics;

/// Deadline of a call (`--runtime-request-timeout`, kubelet default @ v1.36).
pub const TIMEOUT: Duration = Duration::from_secs(120);
/// What a call that waits for a container is given beyond the wait it was asked for.
pub const EXEC_SLACK: Duration = TIMEOUT;
/// Largest message either way (pkg/kubelet/cri/remote: maxMsgSize @ v1.36).
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A container runtime behind a unix socket. Clones share one connection.
///
/// All methods are cancel safe for the caller; the runtime may finish what it began.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(super) runtime: RuntimeServiceClient<Channel>,
    pub(super) images: ImageServiceClient<Channel>,
    pub(super) events: EventsClient<Channel>,
    pub(super) tasks: TasksClient<Channel>,
}

impl Runtime {
    /// Points at the runtime listening on `socket`. Nothing is dialled before the first call, and a lost connection is
    /// dialled again by the next one. Must be called within a tokio runtime.
    pub fn connect(socket: &Path) -> Self {
        let path: PathBuf = socket.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { tokio::net::UnixStream::connect(&path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://cri.invalid")
            .connect_timeout(CONNECT_TIMEOUT)
            .connect_with_connector_lazy(connector);
        Self {
            runtime: RuntimeServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
            events: EventsClient::new(channel.clone()),
            tasks: TasksClient::new(channel.clone()),
            images: ImageServiceClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
        }
    }

    /// Asks who the runtime is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nothing answers.
    pub async fn version(&self) -> Result<VersionResponse> {
        let message = VersionRequest { version: "v1".to_owned() };
        let mut client = self.runtime.clone();
        call("Version", TIMEOUT, message, |request| async move { client.version(request).await }).await
    }

    /// Asks for the runtime's conditions (`RuntimeReady`, `NetworkReady`).
    ///
    /// # Errors
    /// As every call.
    pub async fn status(&self) -> Result<StatusResponse> {
        let mut client = self.runtime.clone();
        call("Status", TIMEOUT, StatusRequest { verbose: false }, |r| async move { client.status(r).await }).await
    }

    /// The image of sandboxes, where the runtime tells it.
    ///
    /// # Errors
    /// As every call.
    pub async fn sandbox_image(&self) -> Result<Option<String>> {
        let mut client = self.runtime.clone();
        let answer =
            call("Status", TIMEOUT, StatusRequest { verbose: true }, |r| async move { client.status(r).await });
        let config: Option<serde_json::Value> =
            answer.await?.info.get("config").and_then(|text| serde_json::from_str(text).ok());
        Ok(config.and_then(|config| config.get("sandboxImage")?.as_str().map(ToOwned::to_owned)))
    }

    /// Tells the runtime the node's pod address range.
    ///
    /// # Errors
    /// As every call.
    pub async fn update_pod_cidr(&self, pod_cidr: &str) -> Result<()> {
        let network_config = Some(NetworkConfig { pod_cidr: pod_cidr.to_owned() });
        let message = UpdateRuntimeConfigRequest { runtime_config: Some(RuntimeConfig { network_config }) };
        let mut client = self.runtime.clone();
        call("UpdateRuntimeConfig", TIMEOUT, message, |r| async move { client.update_runtime_config(r).await })
            .await
            .map(drop)
    }

    /// Creates and starts a sandbox under a runtime handler ("" is the default) and gives its id. The deadline is twice
    /// the usual one, as upstream's.
    ///
    /// # Errors
    /// As every call.
    pub async fn run_pod_sandbox(&self, config: PodSandboxConfig, handler: &str) -> Result<String> {
        let message = RunPodSandboxRequest { config: Some(config), runtime_handler: handler.to_owned() };
        let mut client = self.runtime.clone();
        let answer =
            call("RunPodSandbox", TIMEOUT * 2, message, |r| async move { client.run_pod_sandbox(r).await }).await?;
        identifier("RunPodSandbox", "sandbox id", answer.pod_sandbox_id)
    }

    /// Kills what runs in a sandbox and releases its network. Stopping again is success.
    ///
    /// # Errors
    /// As every call.
    pub async fn stop_pod_sandbox(&self, id: &str) -> Result<()> {
        let message = StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let mut client = self.runtime.clone();
        call("StopPodSandbox", TIMEOUT, message, |r| async move { client.stop_pod_sandbox(r).await }).await.map(drop)
    }

    /// Removes a sandbox and its containers. Removing again is success.
    ///
    /// # Errors
    /// As every call.
    pub async fn remove_pod_sandbox(&self, id: &str) -> Result<()> {
        let message = RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let mut client = self.runtime.clone();
        call("RemovePodSandbox", TIMEOUT, message, |r| async move { client.remove_pod_sandbox(r).await })
            .await
            .map(drop)
    }

    /// Reports one sandbox: addresses, state, labels. The answer always has a `status`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such sandbox.
    pub async fn pod_sandbox_status(&self, id: &str) -> Result<PodSandboxStatusResponse> {
        let message = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: false };
        let mut client = self.runtime.clone();
        let answer =
            call("PodSandboxStatus", TIMEOUT, message, |r| async move { client.pod_sandbox_status(r).await }).await?;
        if answer.status.is_none() {
            return Err(Error::incomplete("PodSandboxStatus", "status"));
        }
        Ok(answer)
    }

    /// Lists sandboxes in any state; `PodSandboxFilter::default()` is all of them.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_pod_sandboxes(&self, filter: PodSandboxFilter) -> Result<Vec<PodSandbox>> {
        let message = ListPodSandboxRequest { filter: Some(filter) };
        let mut client = self.runtime.clone();
        let answer = call("ListPodSandbox", TIMEOUT, message, |r| async move { client.list_pod_sandbox(r).await });
        Ok(answer.await?.items)
    }

    /// Creates a container in a sandbox and gives its id. `sandbox_config` repeats what the sandbox was made with.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when that name and attempt are taken in the sandbox.
    pub async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox_config: PodSandboxConfig,
    ) -> Result<String> {
        let message = CreateContainerRequest {
            pod_sandbox_id: sandbox_id.to_owned(),
            config: Some(config),
            sandbox_config: Some(sandbox_config),
        };
        let mut client = self.runtime.clone();
        let answer =
            call("CreateContainer", TIMEOUT, message, |r| async move { client.create_container(r).await }).await?;
        identifier("CreateContainer", "container id", answer.container_id)
    }

    /// Starts a created container.
    ///
    /// # Errors
    /// [`Error::Failed`] when the command cannot be executed; the message holds runc's words.
    pub async fn start_container(&self, id: &str) -> Result<()> {
        let message = StartContainerRequest { container_id: id.to_owned() };
        let mut client = self.runtime.clone();
        call("StartContainer", TIMEOUT, message, |r| async move { client.start_container(r).await }).await.map(drop)
    }

    /// Sends the stop signal, waits `grace` (whole seconds), then kills. Stopping again is success.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`] when the runtime did not manage within `grace` and [`TIMEOUT`].
    pub async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let message = StopContainerRequest { container_id: id.to_owned(), timeout: seconds(grace) };
        let mut client = self.runtime.clone();
        let deadline = grace.saturating_add(TIMEOUT);
        call("StopContainer", deadline, message, |r| async move { client.stop_container(r).await }).await.map(drop)
    }

    /// Removes a container, killing it when it runs. Removing again is success.
    ///
    /// # Errors
    /// As every call.
    pub async fn remove_container(&self, id: &str) -> Result<()> {
        let refused = match self.ask_to_remove_container(id).await {
            Err(error) if error.failure().code == tonic::Code::FailedPrecondition => error,
            done => return done,
        };
        match self.end_task(id).await {
            Ok(()) => tracing::info!(container = id, "ended a task that the runtime did not"),
            Err(error) => {
                tracing::warn!(container = id, %error, "a task that the runtime does not end is not ended");
                return Err(refused);
            }
        }
        self.ask_to_remove_container(id).await
    }

    async fn ask_to_remove_container(&self, id: &str) -> Result<()> {
        let message = RemoveContainerRequest { container_id: id.to_owned() };
        let mut client = self.runtime.clone();
        call("RemoveContainer", TIMEOUT, message, |r| async move { client.remove_container(r).await }).await.map(drop)
    }

    /// Lists containers in any state; `ContainerFilter::default()` is all of them.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_containers(&self, filter: ContainerFilter) -> Result<Vec<Container>> {
        let message = ListContainersRequest { filter: Some(filter) };
        let mut client = self.runtime.clone();
        let answer = call("ListContainers", TIMEOUT, message, |r| async move { client.list_containers(r).await });
        Ok(answer.await?.containers)
    }

    /// Reports one container: state, times, exit code, log path. The answer always has a `status`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such container.
    pub async fn container_status(&self, id: &str) -> Result<ContainerStatusResponse> {
        let message = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        let mut client = self.runtime.clone();
        let answer =
            call("ContainerStatus", TIMEOUT, message, |r| async move { client.container_status(r).await }).await?;
        if answer.status.is_none() {
            return Err(Error::incomplete("ContainerStatus", "status"));
        }
        Ok(answer)
    }

    /// Changes a container's limits in place.
    ///
    /// # Errors
    /// As every call.
    pub async fn update_container_resources(&self, id: &str, resources: LinuxContainerResources) -> Result<()> {
        let message = UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(resources),
            ..Default::default()
        };
        let mut client = self.runtime.clone();
        call(
            "UpdateContainerResources",
            TIMEOUT,
            message,
            |r| async move { client.update_container_resources(r).await },
        )
        .await
        .map(drop)
    }

    /// Makes the runtime open a container's log anew after it was moved away.
    ///
    /// # Errors
    /// As every call; containerd refuses for a container that does not run.
    pub async fn reopen_container_log(&self, id: &str) -> Result<()> {
        let message = ReopenContainerLogRequest { container_id: id.to_owned() };
        let mut client = self.runtime.clone();
        call("ReopenContainerLog", TIMEOUT, message, |r| async move { client.reopen_container_log(r).await })
            .await
            .map(drop)
    }
}

/// Sends one request with a deadline that both ends know.
pub(super) async fn call<M, T, F>(
    name: &'static str,
    deadline: Duration,
    message: M,
    send: impl FnOnce(tonic::Request<M>) -> F,
) -> Result<T>
where
    F: Future<Output = std::result::Result<tonic::Response<T>, tonic::Status>>,
{
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline);
    let expired = || Error::from_status(name, &tonic::Status::deadline_exceeded("context deadline exceeded"));
    let started = tokio::time::Instant::now();
    let _timer = metrics::RUNTIME_OPERATIONS.with_label_values(&[operation(name).as_str()]).start_timer();
    match tokio::time::timeout(deadline, send(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        // The transport's own timer runs to the same deadline and calls its expiry a cancellation.
        Ok(Err(status)) if status.code() == tonic::Code::Cancelled && started.elapsed() >= deadline => Err(expired()),
        Ok(Err(status)) => Err(Error::from_status(name, &status)),
        Err(_) => Err(expired()),
    }
}

/// A call's name in the words of the metrics: `create_container` for `CreateContainer`.
fn operation(call: &str) -> String {
    let mut out = String::with_capacity(call.len() + 4);
    for letter in call.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Refuses an empty id, which no runtime may answer.
fn identifier(call: &'static str, what: &str, id: String) -> Result<String> {
    if id.is_empty() { Err(Error::incomplete(call, what)) } else { Ok(id) }
}

/// Whole seconds for the wire, rounded up so that a short wait does not become none.
pub(super) fn seconds(duration: Duration) -> i64 {
    let whole = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i64::try_from(whole).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_round_up_to_whole_seconds() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_millis(2000)), 2);
    }

    #[test]
    fn operations_are_named_as_metrics_are() {
        assert_eq!(
            (operation("RunPodSandbox").as_str(), operation("Version").as_str()),
            ("run_pod_sandbox", "version")
        );
    }

    #[tokio::test]
    async fn a_missing_socket_is_unavailable_and_named() {
        let runtime = Runtime::connect(Path::new("/nonexistent/cri.sock"));
        let error = runtime.version().await.expect_err("nothing listens");
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert!(error.message().contains("No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_silent_runtime_runs_into_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let mut client = Runtime::connect(&socket).runtime;
        let message = VersionRequest::default();
        let answer =
            call("Version", Duration::from_millis(10), message, |r| async move { client.version(r).await }).await;
        let error = answer.expect_err("nobody answers");
        assert!(matches!(error, Error::DeadlineExceeded(_)), "{error:?}");
    }
}
