//! Tells where the pods of each Service are, in the older Endpoints.
//!
//! Watches Services, pods and Endpoints. Follows pkg/controller/endpoint @ v1.36.

mod controller;
mod plan;

pub use controller::build;
