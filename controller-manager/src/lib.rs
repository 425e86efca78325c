//! The controllers that turn what users declare into objects and status.
//!
//! Owns one framework (queue, workers, requeue, leader election) and a table with one row per controller.
//! Watches through shared informers and speaks only to the API. A reconcile gets a key, reads the caches,
//! lets a pure `plan` decide and carries the actions out; it is level-driven and may be repeated at will.

mod config;
mod controllers;
mod framework;
mod run;

pub use config::Config;
pub use controllers::table::names as controllers;
pub use run::{Error, run};
