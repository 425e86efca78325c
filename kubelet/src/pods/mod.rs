//! Pods of this node: desired state from the API, observed state from the runtime, one worker per pod.
//!
//! Owns the life of sandboxes and containers. Decisions are pure functions of values in [`plan`] and friends;
//! workers do the IO.

mod lookup;

pub use lookup::{ContainerInfo, ContainerState, Instance, Lookup, LookupError};
