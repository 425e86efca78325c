//! Streams into containers: exec, attach and port-forward between a client's connection and the runtime's streaming
//! server.
//!
//! The runtime speaks SPDY/3.1. A client that does too is passed through byte by byte ([`cri::proxy`]), as upstream
//! does. WebSockets end here and are translated: [`remote`] for exec and attach, [`tunnel`] and [`ports`] for
//! port-forward. The kubelet is the one place for this (upstream moves it here too: feature
//! `ExtendWebSocketsToKubelet`): the API server and `nodes/proxy` then only copy bytes, and no runtime needs to know
//! WebSockets.

pub mod channels;
pub mod cri;
pub mod ports;
pub mod remote;
pub mod spdy;
pub mod tunnel;
