//! Says how many pods of a disruption budget may go at the moment.
//!
//! Watches budgets, pods and what owns them. Follows pkg/controller/disruption/disruption.go @ v1.36. The eviction
//! subresource takes from what this controller allows and notes the pod; the note goes when the pod is seen to go.

mod controller;
mod plan;

pub use controller::build;
