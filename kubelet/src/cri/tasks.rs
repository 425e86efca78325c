//! Ends what containerd runs behind CRI's back.

use std::time::Duration;

use corvette_proto::containerd_tasks::{DeleteTaskRequest, KillRequest, WaitRequest};
use nix::sys::signal::Signal;
use tonic::metadata::MetadataValue;

use super::runtime::call;
use super::{Result, Runtime};

/// Deadline of each call here.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Name and value of the header that says whose tasks are meant: CRI's.
const NAMESPACE: (&str, &str) = ("containerd-namespace", "k8s.io");

impl Runtime {
    /// Kills a container's processes and makes containerd forget its task.
    ///
    /// A start that is broken off just after the container was made, as by the end of the kubelet that asked for it, can
    /// leave a process that waits for ever for its start. To containerd 1.6 the container has ended, so that there is
    /// nothing to stop, and cannot be removed, because there is a task.
    ///
    /// # Errors
    /// [`super::Error::Unimplemented`] when the runtime is not containerd.
    pub(super) async fn end_task(&self, id: &str) -> Result<()> {
        let container_id = id.to_owned();
        let kill = KillRequest { container_id: container_id.clone(), signal: Signal::SIGKILL as u32, all: true };
        let mut client = self.tasks.clone();
        let killed = call("KillTask", TIMEOUT, kill, |r| async move { client.kill(of_cri(r)).await }).await;
        if killed.is_ok() {
            let mut client = self.tasks.clone();
            let wait = WaitRequest { container_id: container_id.clone() };
            call("WaitTask", TIMEOUT, wait, |r| async move { client.wait(of_cri(r)).await }).await?;
        }
        // One whose processes have ended already cannot be killed, and is still to be forgotten.
        let mut client = self.tasks.clone();
        let delete = DeleteTaskRequest { container_id };
        call("DeleteTask", TIMEOUT, delete, |r| async move { client.delete(of_cri(r)).await }).await.map(drop)
    }
}

fn of_cri<T>(mut request: tonic::Request<T>) -> tonic::Request<T> {
    request.metadata_mut().insert(NAMESPACE.0, MetadataValue::from_static(NAMESPACE.1));
    request
}
