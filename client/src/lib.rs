//! The way to the API for everything but the API server: `kube` plus what it lacks.
//!
//! Owns the in-process and remote clients, shared informers with indexes, the work queue, leader
//! election on Leases, expectations, the event recorder and what placing a pod depends on. Knows no controller and no storage.

mod connect;
mod names;

pub mod events;
pub mod expectations;
pub mod informer;
pub mod leader;
pub mod metrics;
pub mod placement;
pub mod queue;

pub use connect::{Error, from_kubeconfig, in_process};
pub use k8s_openapi;
pub use kube;
pub use names::NamespacedName;
