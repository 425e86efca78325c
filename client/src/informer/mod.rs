//! Shared informers: one watch per kind and selector, however many controllers read it.
//!
//! Owns the watch tasks and the caches. Guarantees: a reader sees objects in the order of their events; handlers run
//! one at a time, after the cache holds what they are told; a handler added late is first told of everything cached.
//! `managedFields` are dropped, so a cached object must never be written back whole by update of a kind that
//! others apply to: patch it, or read it live.

mod cache;
mod factory;
mod shared;

pub use factory::Informers;
pub use shared::{Change, Informer};
