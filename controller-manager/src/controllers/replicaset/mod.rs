//! Keeps the wanted number of pods: ReplicaSets and, by the same code, ReplicationControllers.
//!
//! Watches the sets and pods. Follows pkg/controller/replicaset/replica_set.go @ v1.36. Creates and deletes pods
//! under expectations, so that a stale cache never makes too many; which pods go first is decided in `rank`.

mod controller;
mod kind;
mod plan;
mod rank;
mod status;

pub use controller::build;
