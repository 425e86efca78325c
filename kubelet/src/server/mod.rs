//! The kubelet's HTTPS server: logs, streams into containers, pods, metrics, health.
//!
//! Every request needs a client certificate of the cluster's CA that may act as the API server ([`auth`]). Paths are
//! upstream's (`pkg/kubelet/server/server.go @ v1.36`), one file per family. Pods and containers come from
//! [`crate::pods::Lookup`], streams from the runtime ([`crate::streaming`]).

mod auth;
mod exec;
mod info;
mod listen;
mod logs;
mod ports;
mod reply;
mod resource_metrics;
mod routes;
mod stats;

pub use listen::serve;

use std::sync::Arc;

use corvette_component::tasks::Tasks;

use crate::cri::Runtime;
use crate::pods::Lookup;

/// What the handlers work on.
pub struct Server {
    /// Pods and containers of this node.
    pub lookup: Arc<dyn Lookup>,
    /// The container runtime.
    pub runtime: Runtime,
    /// Name of this node, for statistics.
    pub node_name: String,
    /// The configuration, as `/configz` shows it.
    pub configz: serde_json::Value,
    /// Runs the streams that outlive their request.
    pub tasks: Tasks,
}
