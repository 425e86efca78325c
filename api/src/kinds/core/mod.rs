//! Kinds of the core group.

pub mod binding;
pub mod pod;
pub mod pod_template;
pub mod replication_controller;
