//! Tells where the pods of each Service are, in EndpointSlices.
//!
//! Watches Services, pods, nodes and its own slices. Follows staging/src/k8s.io/endpointslice @ v1.36: at most 100
//! endpoints per slice, one set of slices per address family and per distinct set of resolved ports.

mod controller;
mod plan;

pub use controller::build;
pub use plan::{MANAGED_BY, SERVICE_NAME};
