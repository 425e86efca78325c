//! Port-forward of newer clients: a SPDY connection inside a WebSocket. Its bytes are unwrapped and passed through.

use bytes::Bytes;
use corvette_component::http::websocket::Socket;
use corvette_component::http::websocket::tungstenite::Message;
use corvette_component::tasks::Tasks;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::cri;

/// Subprotocol of the tunnel in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";
/// Subprotocol of the SPDY connection inside it.
const RUNTIME_PROTOCOL: &str = "portforward.k8s.io";
/// What is read from the runtime at a time, in bytes.
const CHUNK: usize = 32 * 1024;

/// A boxed error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves one client until either side closes.
pub async fn serve(socket: Socket, url: String, tasks: &Tasks) {
    if let Err(error) = run(socket, &url, tasks).await {
        tracing::debug!(%error, "port-forward tunnel");
    }
}

async fn run(socket: Socket, url: &str, tasks: &Tasks) -> Result<(), BoxError> {
    let (mut sink, mut source) = socket.split();
    let io = match cri::upgrade(url, RUNTIME_PROTOCOL, tasks).await {
        Ok(io) => io,
        Err(error) => {
            sink.close().await?;
            return Err(error.into());
        }
    };
    let (mut read, mut write) = tokio::io::split(io);
    let to_runtime = async {
        while let Some(message) = source.next().await {
            match message? {
                Message::Binary(data) => {
                    write.write_all(&data).await?;
                    write.flush().await?;
                }
                Message::Close(_) => break,
                _ => {}
            }
        }
        Ok::<(), BoxError>(())
    };
    let to_client = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = read.read(&mut chunk).await?;
            if count == 0 {
                return Ok::<(), BoxError>(());
            }
            let data = Bytes::copy_from_slice(chunk.get(..count).unwrap_or_default());
            sink.send(Message::Binary(data)).await?;
        }
    };
    let outcome = tokio::select! {
        outcome = to_runtime => outcome,
        outcome = to_client => outcome,
    };
    // Both sides may be gone already.
    drop(write.shutdown().await);
    drop(sink.close().await);
    outcome
}
