//! gRPC health checks (`grpc.health.v1.Health/Check`).

use std::time::Duration;

use bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

/// Asks a server for the health of a service. `Ok` when it serves.
///
/// # Errors
/// Why it is not healthy, in upstream's words.
pub async fn check(host: &str, port: u16, service: &str, timeout: Duration) -> Result<(), String> {
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let late = || {
        format!(
            "timeout: failed to connect service {address:?} within {}s: context deadline exceeded",
            timeout.as_secs()
        )
    };
    let call = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| format!("error: failed to connect service at {address:?}: {error}"))?;
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.map_err(|error| format!("error: {error}"))?;
        let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/Check");
        let mut request = Request::new(service.to_owned());
        request.set_timeout(timeout);
        client.unary(request, path, HealthCodec).await.map_err(|status| describe(&status))
    };
    match tokio::time::timeout(timeout, call).await {
        Err(_) => Err(late()),
        Ok(Err(error)) => Err(error),
        Ok(Ok(answer)) => match answer.into_inner() {
            1 => Ok(()),
            0 => Err(unhealthy("UNKNOWN")),
            2 => Err(unhealthy("NOT_SERVING")),
            3 => Err(unhealthy("SERVICE_UNKNOWN")),
            other => Err(unhealthy(&other.to_string())),
        },
    }
}

fn unhealthy(status: &str) -> String {
    format!("service unhealthy (responded with {status:?})")
}

fn describe(status: &Status) -> String {
    match status.code() {
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
