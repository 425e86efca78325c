//! Evicts pods from nodes with NoExecute taints that they do not tolerate, or no longer.
//!
//! Watches nodes and pods. Follows pkg/controller/tainteviction @ v1.36. The key is the pod.

mod controller;
mod plan;

pub use controller::build;
