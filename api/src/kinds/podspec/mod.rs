//! The pod template that pods and all workload kinds share: defaults and validation, one file per concern.
//!
//! Follows `pkg/apis/core/v1/defaults.go` and `pkg/apis/core/validation/validation.go @ v1.36`.

pub mod affinity;
pub mod containers;
pub mod defaults;
pub mod env;
pub mod images;
pub mod mounts;
pub mod network;
pub mod probes;
pub mod resources;
pub mod scheduling;
pub mod security;
pub mod spec;
pub mod template;
pub mod volume_defaults;
pub mod volume_sources;
pub mod volumes;
pub mod warnings;

#[cfg(test)]
mod tests;
