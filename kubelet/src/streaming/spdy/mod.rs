//! A SPDY/3.1 client, as far as Kubernetes uses the protocol: streams with headers, data, half close, reset, ping.
//!
//! [`frame`] is the pure codec, [`headers`] the compressed header blocks, [`Session`] a connection. There are no flow
//! control windows: the only other implementation (moby/spdystream, in containerd and CRI-O) neither grants nor
//! respects them, so waiting for a grant would wait for ever. TCP holds back a fast writer.

pub mod frame;
pub mod headers;
mod session;

pub use session::{Error, Event, Receiver, Sender, open};
