//! The commands: one file and one row each.

mod api_resources;
mod apply;
mod common;
mod config;
mod create;
mod delete;
mod describe;
mod exec;
mod get;
mod logs;
mod pod;
mod rollout;
mod scale;
mod table;
mod version;

pub use table::Cvctl;
