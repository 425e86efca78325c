//! Port-forward of older WebSocket clients: the ports are in the query, each has a data and an error channel, whose
//! first message is the port as two bytes, little endian (`pkg/kubelet/…/portforward/websocket.go @ v1.20`).

use bytes::Bytes;
use corvette_component::http::websocket::Socket;
use corvette_component::tasks::Tasks;
use futures::{SinkExt as _, StreamExt as _};

use super::channels::{Incoming, Protocol};
use super::cri;
use super::spdy::{self, Event};

/// Subprotocol toward the runtime.
const RUNTIME_PROTOCOL: &str = "portforward.k8s.io";

/// Most ports of one connection: channels are one byte.
pub const MAX_PORTS: usize = 64;

/// A boxed error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves one client until either side closes.
pub async fn serve(socket: Socket, protocol: Protocol, ports: Vec<u16>, url: String, tasks: &Tasks) {
    if let Err(error) = run(socket, protocol, &ports, &url, tasks).await {
        tracing::debug!(%error, "port-forward");
    }
}

async fn run(socket: Socket, protocol: Protocol, ports: &[u16], url: &str, tasks: &Tasks) -> Result<(), BoxError> {
    let (mut sink, mut source) = socket.split();
    let (sender, mut receiver) = spdy::open(cri::upgrade(url, RUNTIME_PROTOCOL, tasks).await?, tasks)?;
    // Index in this list is the channel: even ones are data, odd ones errors.
    let mut streams: Vec<u32> = Vec::with_capacity(ports.len().saturating_mul(2));
    for (request, port) in ports.iter().enumerate() {
        let (port_text, request) = (port.to_string(), request.to_string());
        let headers = |kind| [("streamtype", kind), ("port", port_text.as_str()), ("requestid", request.as_str())];
        let error = sender.open(&headers("error")).await?;
        let data = sender.open(&headers("data")).await?;
        for stream in [data, error] {
            let channel = u8::try_from(streams.len())?;
            streams.push(stream);
            sink.send(protocol.encode(channel, &port.to_le_bytes())).await?;
        }
    }
    let to_runtime = async {
        while let Some(message) = source.next().await {
            match protocol.decode(message?) {
                Incoming::Data(channel, data) if channel % 2 == 0 => {
                    if let Some(id) = streams.get(usize::from(channel)) {
                        sender.data(*id, data).await?;
                    }
                }
                Incoming::End => break,
                _ => {}
            }
        }
        Ok::<(), BoxError>(())
    };
    let to_client = async {
        let mut open = streams.len();
        while let Some(event) = receiver.next().await? {
            let (id, content, ended) = match event {
                Event::Accepted { id, fin } => (id, Bytes::new(), fin),
                Event::Data { id, content, fin } => (id, content, fin),
                Event::Reset { id } => (id, Bytes::new(), true),
            };
            let Some(channel) = streams.iter().position(|stream| *stream == id) else { continue };
            if !content.is_empty() {
                sink.send(protocol.encode(u8::try_from(channel)?, &content)).await?;
            }
            open = open.saturating_sub(usize::from(ended));
            if open == 0 {
                break;
            }
        }
        Ok::<(), BoxError>(())
    };
    let outcome = tokio::select! {
        outcome = to_runtime => outcome,
        outcome = to_client => outcome,
    };
    // The client may be gone already.
    drop(sink.close().await);
    outcome
}
