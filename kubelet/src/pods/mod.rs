//! Pods of this node: desired state from the API, observed state from the runtime, one worker per pod.
//!
//! Owns the life of sandboxes and containers. Decisions are pure functions of values in [`plan`] and [`teardown`];
//! workers do the IO. Everything is found again after a restart by the labels in [`labels`].

mod admit;
pub mod backoff;
mod deps;
mod dispatch;
mod ending;
mod finder;
mod hooks;
pub mod image_name;
mod images;
pub mod labels;
mod log_rotation;
mod lookup;
#[cfg(test)]
mod model;
mod mounts;
mod observe;
pub mod observed;
pub mod plan;
mod relist;
mod resize;
mod running;
pub mod sizes;
pub mod spec;
mod start;
mod starting;
mod stop;
pub mod teardown;
mod worker;

pub use deps::Deps;
pub use dispatch::Pods;
pub use lookup::{ContainerInfo, ContainerState, Instance, Lookup, LookupError};
pub use relist::Changes;
