//! Deletes objects whose owners are gone, and orders deletions in the foreground.
//!
//! Watches the metadata of everything that discovery shows and that can be listed, watched and deleted. Follows
//! pkg/controller/garbagecollector @ v1.36. The graph says what to look at; before anything is deleted or changed the
//! object and its owners are read live, because the graph may lag. Keys are uids.

mod attempt;
mod controller;
mod graph;
mod mapping;
mod monitors;
mod plan;

pub use controller::build;
