//! Keeps numbered pods with stable names and storage: StatefulSets.
//!
//! Watches sets, their pods, claims and revisions. Follows pkg/controller/statefulset @ v1.36. Names make creations
//! idempotent, so there are no expectations; deletions name the uid, so that a stale cache never deletes a successor.

mod claims;
mod controller;
mod identity;
mod plan;
#[cfg(test)]
mod simulation;
mod status;

pub use controller::build;
