//! Answers that go through a WebSocket instead of a body: logs and watches.

use corvette_api::status::{self, Status};
use corvette_component::http::websocket::{self, Accepted, Socket, tungstenite::Message};
use futures::{SinkExt as _, Stream, StreamExt as _};
use http::{Request, Response};

use crate::App;
use crate::body::{self, Body, BoxError};

/// Accepts a handshake.
///
/// # Errors
/// The status upstream refuses it with.
pub fn accept(request: &mut Request<Body>, protocols: &[&'static str]) -> Result<Accepted, Status> {
    websocket::accept(request, protocols).map_err(|refusal| {
        let mut status = status::bad_request(refusal.to_string());
        status.code = refusal.status().as_u16();
        status
    })
}

/// Makes the answer to a handshake; a task named `name` sends the messages, then closes.
pub fn answer<S>(app: &App, name: &'static str, accepted: Accepted, messages: S) -> Response<Body>
where
    S: Stream<Item = Result<Message, BoxError>> + Send + 'static,
{
    let (response, socket) = accepted.open();
    app.tasks().spawn_until_cancelled(name, async move {
        let outcome = match socket.await {
            Ok(socket) => send(socket, messages).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::debug!(error, "{name}");
        }
    });
    response.map(|()| body::empty())
}

/// Sends messages until they end or the client leaves.
async fn send(socket: Socket, messages: impl Stream<Item = Result<Message, BoxError>>) -> Result<(), BoxError> {
    let (mut sink, mut source) = socket.split();
    let sending = async {
        let mut messages = std::pin::pin!(messages);
        while let Some(message) = messages.next().await {
            sink.send(message?).await?;
        }
        sink.send(Message::Close(None)).await?;
        Ok::<(), BoxError>(())
    };
    // Reading answers pings and notices that the client has left.
    let reading = async { while let Some(Ok(_)) = source.next().await {} };
    tokio::select! {
        outcome = sending => outcome,
        () = reading => Ok(()),
    }
}
