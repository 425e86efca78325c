//! Lifecycle hooks: postStart and preStop.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};

use crate::cri::Runtime;
use crate::probes::http::{self, Target};
use crate::probes::port;

/// Deadline of a hook's HTTP request.
const HTTP_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs a hook in a container; `address` is the pod's.
///
/// # Errors
/// What went wrong, for logs: upstream keeps it out of events.
pub async fn run(
    runtime: &Runtime,
    handler: &LifecycleHandler,
    container: &Container,
    id: &str,
    address: &str,
) -> Result<(), String> {
    if let Some(action) = &handler.exec {
        let command = action.command.clone().unwrap_or_default();
        let shown = command.join(" ");
        let answer = runtime.exec_sync(id, command, None).await.map_err(|error| error.to_string())?;
        return match answer.exit_code {
            0 => Ok(()),
            code => {
                let output = String::from_utf8_lossy(&answer.stderr).into_owned();
                Err(format!("command '{shown}' exited with {code}: {output}"))
            }
        };
    }
    if let Some(action) = &handler.http_get {
        let port = port(&action.port, container).ok_or("the hook's port is not known")?;
        return http::get(&Target::of(action, address, port), HTTP_TIMEOUT).await.map(drop);
    }
    if let Some(action) = &handler.sleep {
        let seconds = u64::try_from(action.seconds).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        return Ok(());
    }
    Err("the hook has no handler".to_owned())
}
