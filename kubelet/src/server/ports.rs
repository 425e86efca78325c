//! `/portForward`.

use corvette_component::http::proxy::is_upgrade;
use corvette_component::http::websocket::{self, Refusal as Handshake};
use k8s_openapi::api::core::v1::Pod;

use super::exec::switching;
use super::reply::{Refusal, Reply};
use super::routes::{Call, Target};
use crate::pods::{Instance, LookupError};
use crate::streaming::channels::{self, PORT_FORWARD};
use crate::streaming::{cri, ports, tunnel};

/// Forwards connections into a pod: SPDY passed through, SPDY in a WebSocket unwrapped, older WebSockets translated.
pub(super) async fn forward(mut call: Call, target: Target) -> Result<Reply, Refusal> {
    let sandbox = sandbox(&call, &target).await?;
    if !websocket::is_handshake(call.request.headers()) {
        if !is_upgrade(call.request.headers()) {
            return Err(Refusal::bad_request("Upgrade request required"));
        }
        let url = call.server.runtime.port_forward(&sandbox, Vec::new()).await?;
        return Ok(cri::proxy(&url, call.request, &call.server.tasks).await?);
    }
    let refuse = |refusal: Handshake| Refusal(refusal.status(), refusal.to_string());
    let tasks = call.server.tasks.clone();
    if websocket::offered(call.request.headers()).iter().any(|name| name == tunnel::PROTOCOL) {
        let accepted = websocket::accept(&mut call.request, &[tunnel::PROTOCOL]).map_err(refuse)?;
        let url = call.server.runtime.port_forward(&sandbox, Vec::new()).await?;
        let (response, socket) = accepted.open();
        call.server.tasks.spawn_until_cancelled("port-forward", async move {
            match socket.await {
                Ok(socket) => tunnel::serve(socket, url, &tasks).await,
                Err(error) => tracing::debug!(%error, "port-forward"),
            }
        });
        return Ok(switching(response));
    }
    let wanted = wanted_ports(&call)?;
    let accepted = websocket::accept(&mut call.request, &PORT_FORWARD.map(|protocol| protocol.name)).map_err(refuse)?;
    let protocol = channels::named(&PORT_FORWARD, accepted.protocol);
    let protocol = protocol.ok_or_else(|| Refusal::internal("no such protocol"))?;
    let numbers = wanted.iter().map(|port| i32::from(*port)).collect();
    let url = call.server.runtime.port_forward(&sandbox, numbers).await?;
    let (response, socket) = accepted.open();
    call.server.tasks.spawn_until_cancelled("port-forward", async move {
        match socket.await {
            Ok(socket) => ports::serve(socket, protocol, wanted, url, &tasks).await,
            Err(error) => tracing::debug!(%error, "port-forward"),
        }
    });
    Ok(switching(response))
}

/// Reads the `port` options, which may hold several numbers each.
fn wanted_ports(call: &Call) -> Result<Vec<u16>, Refusal> {
    let values = call.options("port");
    let texts: Vec<&str> = values.iter().flat_map(|value| value.split(',')).collect();
    if texts.is_empty() {
        return Err(Refusal::bad_request("query parameter \"port\" is required"));
    }
    if texts.len() > ports::MAX_PORTS {
        return Err(Refusal::bad_request(format!("at most {} ports can be forwarded", ports::MAX_PORTS)));
    }
    let parse = |text: &&str| text.parse().ok().filter(|port| *port > 0);
    let parsed: Option<Vec<u16>> = texts.iter().map(parse).collect();
    parsed.ok_or_else(|| Refusal::bad_request(format!("unable to parse ports {texts:?}: they must be 1 to 65535")))
}

/// The sandbox of a pod, found through any of its containers that has one.
async fn sandbox(call: &Call, target: &Target) -> Result<String, Refusal> {
    let Target { namespace, pod, uid, .. } = target;
    let gone = || Refusal::not_found("pod does not exist");
    let object = call.server.lookup.pod(namespace, pod).ok_or_else(gone)?;
    for container in container_names(&object) {
        let found = call.server.lookup.container(namespace, pod, uid.as_deref(), container, Instance::Current).await;
        match found {
            Ok(info) if !info.sandbox_id.is_empty() => return Ok(info.sandbox_id),
            Err(LookupError::PodNotFound(_)) => return Err(gone()),
            Err(LookupError::Runtime(message)) => return Err(Refusal::internal(message)),
            _ => {}
        }
    }
    Err(Refusal::internal(format!("cannot find ready sandbox of pod {pod:?}")))
}

fn container_names(pod: &Pod) -> impl Iterator<Item = &str> {
    pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.as_str())
}
