//! Deletes pods that nobody else will: finished ones beyond the threshold, those of nodes that are gone, and those
//! that were deleted before they had a node.
//!
//! Looks every 20 s. Follows pkg/controller/podgc @ v1.36.

mod controller;
mod plan;

pub use controller::build;
