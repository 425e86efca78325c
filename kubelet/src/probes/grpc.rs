//! gRPC health checks (`grpc.health.v1.Health/Check`).

use std::time::Duration;

use bytes::{Buf, BufMut};
use tokio::time::Instant;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long after a failed connection the next is tried, as gRPC for Go does it first.
const CONNECT_AGAIN: Duration = Duration::from_secs(1);

/// Asks a server for the health of a service. `Ok` when it serves.
///
/// # Errors
/// Why it is not healthy, in upstream's words.
pub async fn check(host: &str, port: u16, service: &str, timeout: Duration) -> Result<(), String> {
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| format!("error: failed to connect service at {address:?}: {error}"))?;
    let deadline = Instant::now() + timeout;
    let connected = tokio::time::timeout_at(deadline, connect(&endpoint)).await;
    let channel = connected.map_err(|_| {
        let seconds = timeout.as_secs();
        format!("timeout: failed to connect service {address:?} within {seconds}s: context deadline exceeded")
    })?;
    let call = async {
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.map_err(|error| format!("error: {error}"))?;
        let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/Check");
        let mut request = Request::new(service.to_owned());
        // For the server. Later than ours, which would otherwise be reported as a cancellation now and then.
        request.set_timeout(timeout.saturating_mul(2));
        client.unary(request, path, HealthCodec).await.map_err(|status| describe(&status, timeout))
    };
    let answer = tokio::time::timeout_at(deadline, call).await;
    match answer.unwrap_or_else(|_| Err(describe(&Status::deadline_exceeded(""), timeout)))?.into_inner() {
        1 => Ok(()),
        0 => Err(unhealthy("UNKNOWN")),
        2 => Err(unhealthy("NOT_SERVING")),
        3 => Err(unhealthy("SERVICE_UNKNOWN")),
        other => Err(unhealthy(&other.to_string())),
    }
}

/// Connects, as often as it takes: a server that refuses may be about to listen, and upstream's client waits for it.
async fn connect(endpoint: &Endpoint) -> Channel {
    loop {
        match endpoint.connect().await {
            Ok(channel) => return channel,
            Err(error) => tracing::debug!(%error, "gRPC probe not connected"),
        }
        tokio::time::sleep(CONNECT_AGAIN).await;
    }
}

fn unhealthy(status: &str) -> String {
    format!("service unhealthy (responded with {status:?})")
}

fn describe(status: &Status, timeout: Duration) -> String {
    match status.code() {
        Code::DeadlineExceeded => format!("timeout: health rpc did not complete within {}s", timeout.as_secs()),
        Code::Unimplemented => format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
            status.message()
        ),
        code => format!("error: health rpc probe failed: rpc error: code = {code:?} desc = {}", status.message()),
    }
}

/// The two messages of the protocol, which are too small for generated code: the request has a string in field 1, the
/// answer an enum in field 1.
#[derive(Debug, Clone, Copy)]
struct HealthCodec;

impl Codec for HealthCodec {
    type Encode = String;
    type Decode = u64;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for HealthCodec {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, service: String, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if !service.is_empty() {
            out.put_u8(0x0a);
            let mut length = service.len();
            while length >= 0x80 {
                out.put_u8(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
                length >>= 7;
            }
            out.put_u8(u8::try_from(length).unwrap_or(0));
            out.put_slice(service.as_bytes());
        }
        Ok(())
    }
}

impl Decoder for HealthCodec {
    type Item = u64;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<u64>, Status> {
        let mut bytes = input.copy_to_bytes(input.remaining());
        if !bytes.has_remaining() || bytes.get_u8() != 0x08 {
            return Ok(Some(0));
        }
        let (mut value, mut shift) = (0_u64, 0_u32);
        while bytes.has_remaining() && shift < 64 {
            let byte = bytes.get_u8();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn failure(port: u16) -> String {
        check("127.0.0.1", port, "", Duration::from_secs(1)).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_waited_for_and_one_that_is_silent_is_late() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(failure(port).await, "timeout: health rpc did not complete within 1s");
        drop(listener);
        let message =
            format!("timeout: failed to connect service \"127.0.0.1:{port}\" within 1s: context deadline exceeded");
        assert_eq!(failure(port).await, message);
    }
}
