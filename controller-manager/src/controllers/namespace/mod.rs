//! Empties and removes namespaces that were deleted.
//!
//! Watches namespaces. Follows pkg/controller/namespace/deletion/namespaced_resources_deleter.go @ v1.36: pods go first,
//! then everything else that discovery shows; the conditions tell what holds the deletion up.

mod conditions;
mod content;
mod controller;

pub use controller::build;
