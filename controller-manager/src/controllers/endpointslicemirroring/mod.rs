//! Shows Endpoints that people write as EndpointSlices, for readers that know only those.
//!
//! Watches Endpoints, Services and slices. Follows pkg/controller/endpointslicemirroring @ v1.36. Only the Endpoints of
//! services without selector are mirrored: the others have slices of their own.

mod controller;
mod plan;

pub use controller::build;
