//! `cvctl set`: changes one thing in templates for pods.

mod command;
mod env;
mod image;
mod resources;
mod template;

pub use command::{Command, run};
