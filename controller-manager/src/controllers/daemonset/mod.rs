//! Keeps one pod on each eligible node: DaemonSets.
//!
//! Watches daemon sets, their pods and revisions, and nodes. Follows pkg/controller/daemon @ v1.36. Which nodes count is
//! decided in `node`, what to create and delete in `plan`; templates are kept as ControllerRevisions so that a
//! roll-back replaces no pod that already runs the template gone back to.

mod backoff;
mod controller;
mod node;
mod plan;
#[cfg(test)]
mod simulation;
mod status;

pub use controller::build;
