//! Exec and attach for WebSocket clients: channels become SPDY streams of the runtime's streaming server.

use bytes::Bytes;
use corvette_component::http::websocket::Socket;
use corvette_component::http::websocket::tungstenite::Message;
use corvette_component::http::websocket::tungstenite::protocol::CloseFrame;
use corvette_component::http::websocket::tungstenite::protocol::frame::coding::CloseCode;
use corvette_component::tasks::Tasks;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::channels::{Incoming, Protocol};
use super::cri;
use super::spdy::{self, Event};

/// Channels of a remote command.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

/// Subprotocol toward the runtime: status as JSON on the error stream.
const RUNTIME_PROTOCOL: &str = "v4.channel.k8s.io";

/// Longest error message of the old protocols that is put together before it is sent, in bytes.
const STATUS_MAX: usize = 1024 * 1024;

/// Which streams a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streams {
    /// The client will send input.
    pub stdin: bool,
    /// The client wants output.
    pub stdout: bool,
    /// The client wants error output; never together with `tty`.
    pub stderr: bool,
    /// There is a terminal, whose size may change.
    pub tty: bool,
}

/// A SPDY stream and the channel it is known by.
#[derive(Debug, Clone, Copy)]
struct Stream {
    channel: u8,
    id: u32,
    /// Whether the runtime has sent all of it.
    ended: bool,
}

/// Serves one client from the upgrade to its end. Errors before the command runs reach the client on the error channel.
pub async fn serve(socket: Socket, protocol: Protocol, streams: Streams, url: String, tasks: &Tasks) {
    let (mut sink, source) = socket.split();
    let outcome = match cri::upgrade(&url, RUNTIME_PROTOCOL, tasks).await {
        Ok(io) => run(&mut sink, source, protocol, streams, io, tasks).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "remote command");
        let message = if protocol.status_json { failure(&error.to_string()) } else { error.to_string() };
        // The client may be gone, which is then no news.
        drop(sink.send(protocol.encode(ERROR, message.as_bytes())).await);
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    drop(sink.send(Message::Close(Some(close))).await);
    drop(sink.close().await);
}

/// Opens the streams and copies both ways until the runtime is done or the client leaves.
async fn run(
    sink: &mut SplitSink<Socket, Message>,
    source: SplitStream<Socket>,
    protocol: Protocol,
    wanted: Streams,
    io: TokioIo<Upgraded>,
    tasks: &Tasks,
) -> Result<(), BoxError> {
    let (sender, receiver) = spdy::open(io, tasks)?;
    let mut streams = Vec::new();
    let kinds = [
        (true, ERROR, "error"),
        (wanted.stdin, STDIN, "stdin"),
        (wanted.stdout, STDOUT, "stdout"),
        (wanted.stderr, STDERR, "stderr"),
        (wanted.tty, RESIZE, "resize"),
    ];
    for (_, channel, kind) in kinds.into_iter().filter(|(open, ..)| *open) {
        let id = sender.open(&[("streamtype", kind)]).await?;
        streams.push(Stream { channel, id, ended: matches!(channel, STDIN | RESIZE) });
    }
    // Tells the client that the connection stands; upstream uses the lowest channel the client reads.
    let first = if wanted.stdout {
        STDOUT
    } else if wanted.stderr {
        STDERR
    } else {
        ERROR
    };
    sink.send(protocol.encode(first, &[])).await?;
    let (accepted, ready) = oneshot::channel();
    let from_client = client_to_runtime(source, protocol, sender, streams.clone(), ready);
    let to_client = runtime_to_client(sink, protocol, receiver, streams, accepted);
    tokio::select! {
        outcome = to_client => outcome,
        outcome = from_client => outcome,
    }
}

/// A boxed error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Copies input; returns when the client has left.
async fn client_to_runtime(
    mut source: SplitStream<Socket>,
    protocol: Protocol,
    sender: spdy::Sender,
    streams: Vec<Stream>,
    ready: oneshot::Receiver<()>,
) -> Result<(), BoxError> {
    let stream =
        |channel: u8| streams.iter().find(|s| s.channel == channel && matches!(channel, STDIN | RESIZE)).map(|s| s.id);
    // Data for a stream that is not accepted yet would block others at the runtime.
    if ready.await.is_err() {
        return std::future::pending().await;
    }
    while let Some(message) = source.next().await {
        match protocol.decode(message?) {
            Incoming::Data(channel, data) => match stream(channel) {
                Some(id) => sender.data(id, data).await?,
                None => tracing::debug!(channel, "data for a channel that is not open"),
            },
            Incoming::Close(channel) => {
                if let Some(id) = stream(channel) {
                    sender.finish(id).await?;
                }
            }
            Incoming::Nothing => {}
            Incoming::End => break,
        }
    }
    Ok(())
}

/// Copies output; returns when the runtime has sent everything.
async fn runtime_to_client(
    sink: &mut SplitSink<Socket, Message>,
    protocol: Protocol,
    mut receiver: spdy::Receiver<TokioIo<Upgraded>>,
    mut streams: Vec<Stream>,
    accepted: oneshot::Sender<()>,
) -> Result<(), BoxError> {
    let mut accepted = Some(accepted);
    let mut waiting = streams.len();
    let mut status = Vec::new();
    while let Some(event) = receiver.next().await? {
        let (id, content, ended) = match event {
            Event::Accepted { id, fin } => {
                waiting = waiting.saturating_sub(1);
                if waiting == 0 && accepted.take().is_some_and(|accepted| accepted.send(()).is_err()) {
                    tracing::debug!("the client left before its streams were accepted");
                }
                (id, Bytes::new(), fin)
            }
            Event::Data { id, content, fin } => (id, content, fin),
            Event::Reset { id } => (id, Bytes::new(), true),
        };
        let Some(stream) = streams.iter_mut().find(|stream| stream.id == id) else { continue };
        stream.ended |= ended;
        if stream.channel == ERROR && !protocol.status_json {
            if status.len() < STATUS_MAX {
                status.extend_from_slice(&content);
            }
        } else if !content.is_empty() {
            sink.send(protocol.encode(stream.channel, &content)).await?;
        }
        if streams.iter().all(|stream| stream.ended) {
            break;
        }
    }
    if let Some(message) = plain_failure(&status) {
        sink.send(protocol.encode(ERROR, message.as_bytes())).await?;
    }
    Ok(())
}

/// What the old protocols say on the error channel: the message of a failure, and nothing of success.
fn plain_failure(status: &[u8]) -> Option<String> {
    if status.is_empty() {
        return None;
    }
    match serde_json::from_slice::<Value>(status) {
        Ok(value) if value.get("status").is_some_and(|status| status == "Success") => None,
        Ok(value) => Some(value.get("message").and_then(Value::as_str).unwrap_or("command failed").to_owned()),
        Err(_) => Some(String::from_utf8_lossy(status).into_owned()),
    }
}

/// A failure of our own as the status that the newer protocols carry.
fn failure(message: &str) -> String {
    let message = format!("Internal error occurred: {message}");
    json!({
        "metadata": {}, "status": "Failure", "message": message, "reason": "InternalError",
        "details": { "causes": [{ "message": message }] }, "code": 500,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_protocols_hear_of_failures_only() {
        assert_eq!(plain_failure(b""), None);
        assert_eq!(plain_failure(br#"{"status":"Success"}"#), None);
        let failed = br#"{"status":"Failure","message":"command terminated with non-zero exit code"}"#;
        assert_eq!(plain_failure(failed).unwrap(), "command terminated with non-zero exit code");
        assert_eq!(plain_failure(b"boom").unwrap(), "boom");
    }
}
