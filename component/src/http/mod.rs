//! HTTP plumbing shared by the servers that stand between a client and a stream: forwarding that understands upgrades,
//! and WebSocket handshakes. Knows no routes and no Kubernetes.

pub mod proxy;
pub mod websocket;
