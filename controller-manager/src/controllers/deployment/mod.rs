//! Rolls Deployments out over ReplicaSets.
//!
//! Watches Deployments, ReplicaSets and (for Recreate) pods. Follows pkg/controller/deployment @ v1.36. `plan` decides
//! one step at a time from what the caches show; writes carry resource versions, so that a step decided on a stale
//! cache is refused and decided anew. What upstream does in one pass over several writes takes several reconciles here.

mod controller;
mod model;
mod plan;
mod revision;
mod rolling;
mod scale;
#[cfg(test)]
mod simulation;
mod status;

pub use controller::build;
