//! Commands in containers, and the addresses of streams into pods.

use std::time::Duration;

use corvette_proto::cri::{AttachRequest, ExecRequest, ExecSyncRequest, ExecSyncResponse, PortForwardRequest};

use super::runtime::{EXEC_SLACK, TIMEOUT, call, seconds};
use super::{Result, Runtime};

/// Deadline of a command that was given none: the protocol knows no endless call, a day is past every use.
const UNBOUNDED_EXEC: Duration = Duration::from_secs(24 * 3600);

impl Runtime {
    /// Runs a command to its end; the exit code is in the answer, whatever it is. Without a timeout the command may run
    /// as long as it likes.
    ///
    /// # Errors
    /// [`super::Error::DeadlineExceeded`] when it ran longer than `timeout`; [`super::Error::Failed`] when it could not
    /// be started.
    pub async fn exec_sync(
        &self,
        container_id: &str,
        command: Vec<String>,
        timeout: Option<Duration>,
    ) -> Result<ExecSyncResponse> {
        let message = ExecSyncRequest {
            container_id: container_id.to_owned(),
            cmd: command,
            timeout: timeout.map_or(0, seconds),
        };
        let deadline = timeout.map_or(UNBOUNDED_EXEC, |timeout| timeout.saturating_add(EXEC_SLACK));
        let mut client = self.runtime.clone();
        call("ExecSync", deadline, message, |r| async move { client.exec_sync(r).await }).await
    }

    /// Prepares a command and gives the URL of its streams.
    ///
    /// # Errors
    /// [`super::Error::NotFound`] when there is no such container.
    pub async fn exec(&self, request: ExecRequest) -> Result<String> {
        let mut client = self.runtime.clone();
        Ok(call("Exec", TIMEOUT, request, |r| async move { client.exec(r).await }).await?.url)
    }

    /// Prepares the streams of a container's main process and gives their URL.
    ///
    /// # Errors
    /// [`super::Error::NotFound`] when there is no such container.
    pub async fn attach(&self, request: AttachRequest) -> Result<String> {
        let mut client = self.runtime.clone();
        Ok(call("Attach", TIMEOUT, request, |r| async move { client.attach(r).await }).await?.url)
    }

    /// Prepares connections into a sandbox's network and gives the URL of their streams.
    ///
    /// # Errors
    /// [`super::Error::NotFound`] when there is no such sandbox.
    pub async fn port_forward(&self, sandbox_id: &str, ports: Vec<i32>) -> Result<String> {
        let message = PortForwardRequest { pod_sandbox_id: sandbox_id.to_owned(), port: ports };
        let mut client = self.runtime.clone();
        Ok(call("PortForward", TIMEOUT, message, |r| async move { client.port_forward(r).await }).await?.url)
    }
}
