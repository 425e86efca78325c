//! `/exec`, `/attach`, `/run`.

use std::time::Duration;

use corvette_component::http::proxy::is_upgrade;
use corvette_component::http::websocket;
use corvette_proto::cri::{AttachRequest, ExecRequest};
use http::{Response, StatusCode};

use super::Server;
use super::reply::{self, Refusal, Reply};
use super::routes::{Call, Target};
use crate::pods::{ContainerInfo, ContainerState, Instance, LookupError};
use crate::streaming::channels::{self, REMOTE_COMMAND};
use crate::streaming::{cri, remote};

/// How long a command of `/run` may take.
const RUN_WITHIN: Duration = Duration::from_secs(240);

/// Runs a command with streams.
pub(super) async fn exec(call: Call, target: Target) -> Result<Reply, Refusal> {
    let streams = streams(&call)?;
    let container = running(&call.server, &target).await?;
    let request = ExecRequest {
        container_id: container.id,
        cmd: call.options("command"),
        tty: streams.tty,
        stdin: streams.stdin,
        stdout: streams.stdout,
        stderr: streams.stderr,
        audit_request_id: String::new(),
    };
    let url = call.server.runtime.exec(request).await?;
    respond(call, streams, url).await
}

/// Joins the streams of the main process.
pub(super) async fn attach(call: Call, target: Target) -> Result<Reply, Refusal> {
    let streams = streams(&call)?;
    let container = running(&call.server, &target).await?;
    let request = AttachRequest {
        container_id: container.id,
        tty: streams.tty,
        stdin: streams.stdin,
        stdout: streams.stdout,
        stderr: streams.stderr,
        audit_request_id: String::new(),
    };
    let url = call.server.runtime.attach(request).await?;
    respond(call, streams, url).await
}

/// Runs a command to its end and answers with its output.
pub(super) async fn run(call: Call, target: Target) -> Result<Reply, Refusal> {
    let container = running(&call.server, &target).await?;
    let line = call.option("cmd").unwrap_or_default();
    let command: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if command.is_empty() {
        return Err(Refusal::bad_request("you must specify a command"));
    }
    let done = call.server.runtime.exec_sync(&container.id, command, Some(RUN_WITHIN)).await?;
    let output = [done.stdout, done.stderr].concat();
    if done.exit_code != 0 {
        let output = String::from_utf8_lossy(&output);
        return Err(Refusal::internal(format!("command terminated with exit code {}: {output}", done.exit_code)));
    }
    Ok(reply::text(StatusCode::OK, output))
}

/// Answers with the streams: translated for WebSockets, passed through for everything else.
async fn respond(mut call: Call, streams: remote::Streams, url: String) -> Result<Reply, Refusal> {
    if !websocket::is_handshake(call.request.headers()) {
        if !is_upgrade(call.request.headers()) {
            return Err(Refusal::bad_request("Upgrade request required"));
        }
        return Ok(cri::proxy(&url, call.request, &call.server.tasks).await?);
    }
    let names = REMOTE_COMMAND.map(|protocol| protocol.name);
    let accepted = websocket::accept(&mut call.request, &names)
        .map_err(|refusal| Refusal(refusal.status(), refusal.to_string()))?;
    let protocol = channels::named(&REMOTE_COMMAND, accepted.protocol);
    let protocol = protocol.ok_or_else(|| Refusal::internal("no such protocol"))?;
    let (response, socket) = accepted.open();
    let tasks = call.server.tasks.clone();
    call.server.tasks.spawn_until_cancelled("remote command", async move {
        match socket.await {
            Ok(socket) => remote::serve(socket, protocol, streams, url, &tasks).await,
            Err(error) => tracing::debug!(%error, "remote command"),
        }
    });
    Ok(switching(response))
}

/// A 101 with an empty body.
pub(super) fn switching(response: Response<()>) -> Reply {
    let (parts, ()) = response.into_parts();
    let mut reply = reply::text(parts.status, "");
    *reply.headers_mut() = parts.headers;
    reply
}

/// Which streams the query asks for: as an API server asks (`input=1`), or as the API's options (`stdin=true`).
fn streams(call: &Call) -> Result<remote::Streams, Refusal> {
    let tty = call.flag(&["tty"]);
    let streams = remote::Streams {
        stdin: call.flag(&["input", "stdin"]),
        stdout: call.flag(&["output", "stdout"]),
        // A terminal joins both outputs.
        stderr: call.flag(&["error", "stderr"]) && !tty,
        tty,
    };
    if streams.stdin || streams.stdout || streams.stderr {
        Ok(streams)
    } else {
        Err(Refusal::bad_request("you must specify at least 1 of stdin, stdout, stderr"))
    }
}

/// Finds a container that runs. Texts are upstream's (`pkg/kubelet: GetExec`).
async fn running(server: &Server, target: &Target) -> Result<ContainerInfo, Refusal> {
    let Target { namespace, pod, uid, container } = target;
    let found = server.lookup.container(namespace, pod, uid.as_deref(), container, Instance::Current).await;
    match found {
        Ok(info) if info.state == ContainerState::Running => Ok(info),
        Err(LookupError::PodNotFound(_)) => Err(Refusal::not_found("pod does not exist")),
        Err(LookupError::Runtime(message)) => Err(Refusal::internal(message)),
        _ => Err(Refusal::internal(format!("container not found ({container:?})"))),
    }
}
