//! Cluster DNS: answers the names of services, endpoints and pods from what it watches, and asks other servers for the rest.
//!
//! Owns: the picture of the cluster ([`zone`]), the answers ([`mod@answer`]), the server's sockets and the way to other name servers.
//! Watches: services, endpoint slices and namespaces. Writes nothing. Must not know how addresses of services are routed.
//!
//! Follows the DNS specification 1.1 for Kubernetes (kubernetes/dns `docs/specification.md`) as `CoreDNS` does with the Corefile of
//! kubeadm. An answer is a pure function of the zone and the question; everything is bounded: questions under way upstream,
//! connections, their idle time, sizes, and the memory a packet may cost.

pub mod answer;
mod cache;
mod config;
mod message;
mod metrics;
pub mod model;
mod question;
mod records;
mod resolv;
mod responder;
mod server;
mod sockets;
mod upstream;
mod watch;
pub mod zone;

pub use config::Config;
pub use resolv::upstreams;
pub use server::run;
pub use sockets::{Sockets, listen};
