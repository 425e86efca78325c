//! The scheduler: chooses a node for every pod that has none.
//!
//! Owns: the queue of waiting pods ([`queue`]), the picture of the cluster ([`cache`], [`snapshot`]) and the decision ([`cycle`]).
//! Watches: pods and nodes. Writes: `pods/binding`, the `PodScheduled` condition and events. Must not know how a container is run.
//!
//! A decision is a pure function: [`cycle::Cycle::run`] takes a snapshot and a pod and gives a placement or, for every node, the reason
//! why not. The shell in [`scheduler`] feeds it and carries decisions out; several bindings are under way at once.

mod binding;
pub mod cache;
mod config;
pub mod cycle;
mod metrics;
pub mod model;
pub mod plugins;
pub mod preemption;
pub mod queue;
mod scheduler;
pub mod snapshot;
mod surroundings;
mod trial;

pub use config::Config;
pub use scheduler::run;
