//! Probes: liveness, readiness and startup of running containers.
//!
//! One task per probe per container instance ([`Set`]); settled results go to [`Results`], which the pod's worker
//! reads. Must not know what is done about a result.

mod attempt;
mod counter;
mod grpc;
pub mod http;
mod results;
mod set;

pub use attempt::port;
pub use results::{Kind, Results, Verdict, Verdicts};
pub use set::{Set, Stage};
