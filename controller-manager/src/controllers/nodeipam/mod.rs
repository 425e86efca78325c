//! Gives every node its range of pod addresses.
//!
//! Watches nodes. Follows pkg/controller/nodeipam (range allocator) @ v1.36; IPv4.

mod controller;
mod plan;

pub use controller::{build, node_reference};
