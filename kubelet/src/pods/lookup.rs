//! What the kubelet's HTTPS server may ask about pods and containers.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;

/// State of a container as the server needs it to accept or refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// No instance of the container was created yet, or it was created and not started.
    Waiting,
    /// The main process runs.
    Running,
    /// The main process ended.
    Terminated,
}

/// One instance of a container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInfo {
    /// CRI id, without the `containerd://` prefix. Empty while the container waits for its first start.
    pub id: String,
    /// Uid of the pod.
    pub pod_uid: String,
    /// Id of the pod's sandbox. Empty when there is none.
    pub sandbox_id: String,
    /// Log file in CRI format. It exists once the runtime has created the container and until it is removed.
    pub log_path: PathBuf,
    /// State of this instance.
    pub state: ContainerState,
    /// How many times the container was started anew; 0 for the first instance.
    pub restart_count: u32,
}

/// The instance of a container that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// The newest one.
    Current,
    /// The one before the newest (`previous=true` of a log request).
    Previous,
}

/// Why a lookup found nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No pod of this name (and uid, when one was given) is on this node.
    #[error("pod {0:?} not found")]
    PodNotFound(String),
    /// The pod has no container of this name.
    #[error("container {container} not found in pod {pod}")]
    ContainerNotFound {
        /// `name_namespace`.
        pod: String,
        /// Name that was asked for.
        container: String,
    },
    /// The container has no earlier instance.
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious {
        /// Pod name.
        pod: String,
        /// Container name.
        container: String,
    },
    /// The runtime did not answer.
    #[error("{0}")]
    Runtime(String),
}

/// Finds pods and containers of this node for the HTTPS server.
pub trait Lookup: Send + Sync + 'static {
    /// Finds an instance of a container, regular, init or ephemeral, asking the runtime so that the answer is fresh.
    ///
    /// # Errors
    /// [`LookupError`]; a container that waits for its first start is not an error.
    fn container<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        uid: Option<&'a str>,
        container: &'a str,
        instance: Instance,
    ) -> BoxFuture<'a, Result<ContainerInfo, LookupError>>;

    /// Finds a pod of this node by name.
    fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>>;

    /// Lists the pods of this node.
    fn pods(&self) -> Vec<Arc<Pod>>;
}
