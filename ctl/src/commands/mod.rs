//! The commands: one file and one row each.

mod api_resources;
mod api_versions;
mod apply;
mod attach;
mod auth;
mod common;
mod config;
mod cordon;
mod create;
mod delete;
mod describe;
mod diff;
mod drain;
mod edit;
mod exec;
mod explain;
mod expose;
mod get;
mod label;
mod logs;
mod patch;
mod pod;
mod port_forward;
mod rollout;
mod run_pod;
mod scale;
mod select;
mod set;
mod streams;
mod table;
mod taint;
mod version;
mod wait;

pub use select::Item;
pub use table::Cvctl;
