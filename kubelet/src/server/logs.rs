//! `/containerLogs`.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::mpsc;

use super::Server;
use super::reply::{self, Refusal, Reply};
use super::routes::{Call, Target};
use crate::logs::{self, Options, Stream};
use crate::pods::{ContainerInfo, ContainerState, Instance, LookupError};

/// Chunks on their way to the client; the reader waits when there are more.
const QUEUE: usize = 8;

/// Streams a container's log. Refusals and their texts are upstream's (`pkg/kubelet: GetKubeletContainerLogs`).
pub(super) async fn container(call: Call, target: Target) -> Result<Reply, Refusal> {
    let options = options(&call, Timestamp::now())?;
    let instance = if call.flag(&["previous"]) { Instance::Previous } else { Instance::Current };
    let info = find(&call.server, &target, instance).await?;
    if info.id.is_empty() {
        let pod = call.server.lookup.pod(&target.namespace, &target.pod);
        return Err(waiting(&target, pod.as_deref()));
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let server = call.server.clone();
    call.server.tasks.spawn_until_cancelled("container log", async move {
        let running = || still_runs(server.clone(), target.clone(), info.id.clone());
        if let Err(error) = logs::read(info.log_path.clone(), options, running, sender.clone()).await {
            // The status is on its way already: as upstream, the reason is the content. The client may be gone.
            drop(sender.send(Bytes::from(error.to_string())).await);
        }
    });
    Ok(reply::stream(receiver))
}

/// Looks the container up, in upstream's words when there is none.
async fn find(server: &Server, target: &Target, instance: Instance) -> Result<ContainerInfo, Refusal> {
    let Target { namespace, pod, uid, container } = target;
    server.lookup.container(namespace, pod, uid.as_deref(), container, instance).await.map_err(|error| match error {
        LookupError::PodNotFound(_) => Refusal::not_found(format!("pod {pod:?} does not exist")),
        LookupError::ContainerNotFound { .. } => {
            Refusal::not_found(format!("container {container:?} not found in pod {pod:?}"))
        }
        LookupError::NoPrevious { .. } => {
            Refusal::bad_request(format!("previous terminated container {container:?} in pod {pod:?} not found"))
        }
        LookupError::Runtime(message) => Refusal::internal(message),
    })
}

/// Whether the instance that is followed still runs.
async fn still_runs(server: Arc<Server>, target: Target, id: String) -> bool {
    match find(&server, &target, Instance::Current).await {
        Ok(info) => info.id == id && info.state == ContainerState::Running,
        Err(Refusal(status, _)) => status.is_server_error(),
    }
}

/// Why there is no log yet.
fn waiting(target: &Target, pod: Option<&Pod>) -> Refusal {
    let Target { pod: name, container, .. } = target;
    let statuses = pod.and_then(|pod| pod.status.as_ref()).into_iter().flat_map(|status| {
        let lists = [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
        lists.into_iter().flatten().flatten()
    });
    let reason = statuses
        .filter(|status| status.name == *container)
        .find_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    let why = match reason {
        Some("ErrImagePull") => "image can't be pulled",
        Some("ImagePullBackOff") => "trying and failing to pull image",
        Some(other) => other,
        None => "ContainerCreating",
    };
    Refusal::bad_request(format!("container {container:?} in pod {name:?} is waiting to start: {why}"))
}

/// Reads the query of a log request.
fn options(call: &Call, now: Timestamp) -> Result<Options, Refusal> {
    let number = |name: &str| match call.option(name) {
        None | Some("") => Ok(None),
        Some(text) => {
            let number = text.parse().ok().filter(|number: &u64| i64::try_from(*number).is_ok());
            number.map(Some).ok_or_else(|| Refusal::bad_request(format!("invalid {name} {text:?}")))
        }
    };
    let since = match (number("sinceSeconds")?, call.option("sinceTime").filter(|text| !text.is_empty())) {
        (Some(_), Some(_)) => {
            return Err(Refusal::bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified"));
        }
        (Some(seconds), None) => {
            let ago = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            Some(now.checked_sub(ago).unwrap_or(Timestamp::MIN))
        }
        (None, Some(text)) => {
            Some(text.parse().map_err(|_| Refusal::bad_request(format!("invalid sinceTime {text:?}")))?)
        }
        (None, None) => None,
    };
    let stream = match call.option("stream") {
        None | Some("" | "All") => Stream::All,
        Some("Stdout") => Stream::Stdout,
        Some("Stderr") => Stream::Stderr,
        Some(other) => return Err(Refusal::bad_request(format!("invalid stream {other:?}"))),
    };
    Ok(Options {
        follow: call.flag(&["follow"]),
        tail: number("tailLines")?,
        since,
        timestamps: call.flag(&["timestamps"]),
        limit_bytes: number("limitBytes")?,
        stream,
    })
}
