//! The node: what the machine has, its API object, its conditions, its Lease.
//!
//! Owns the Node's status and the Lease in `kube-node-lease`. Must not know pods.

mod agent;
mod call;
pub mod conditions;
pub(crate) mod lease;
pub mod machine;
pub mod object;
mod runtime;

pub use agent::{Agent, Parts};
