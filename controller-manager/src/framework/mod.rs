//! What all controllers share: the trait, the queue's workers, the one requeue point.

mod context;
mod controller;
mod error;
pub mod runner;

pub use context::Context;
pub use controller::{Action, Controller, Queue};
pub use error::{Error, api_message, has_cause, is_conflict, is_not_found, is_status};
