//! The node agent: registers its node, runs the pods bound to it over CRI v1 and reports their state.
//!
//! Watches pods of its node and the config maps, secrets and services that they refer to; writes pod status, node
//! status, a Lease and events. Everything it needs to know survives in the API and in the runtime (labels and
//! annotations of sandboxes and containers), so the process may be killed at any moment: the next one adopts what runs.
//!
//! Must not know: the store, the API server's internals, which runtime answers on the CRI socket.

pub mod admission;
pub mod blueprint;
pub mod cgroups;
mod config;
pub mod cri;
pub mod env;
pub mod events;
pub mod eviction;
pub mod logs;
pub mod metrics;
pub mod node;
pub mod objects;
pub mod pods;
pub mod probes;
pub mod resources;
mod run;
pub mod server;
pub mod status;
pub mod streaming;
pub mod volumes;

pub use config::{Config, MAX_PODS, PORT};
pub use run::{Error, run};
