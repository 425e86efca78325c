//! HTTP plumbing shared by the servers that stand between a client and a stream: forwarding that understands upgrades,
//! WebSocket handshakes, and the loop that accepts TLS connections. Knows no routes and no Kubernetes.

pub mod listen;
pub mod proxy;
pub mod websocket;
