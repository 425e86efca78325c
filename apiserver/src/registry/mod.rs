//! The API resources this server knows, as values.
//!
//! Owns [`Row`] (one served resource in one version), [`table`] (the row of every built-in resource) and [`Registry`]
//! (an immutable set of rows with look-ups). Routes, discovery, OpenAPI, storage keys, watch caches and printer columns
//! all derive from rows. Custom resources are rows made at run time: a new [`Registry`] value replaces the old one as a
//! whole ([`Shared`]), so a reader always sees one consistent set.
//!
//! Must not know HTTP, storage or any handler.

mod row;
mod set;
pub mod table;

pub use row::{
    Backing, Row, Scope, Storage, StrategyRef, Subresource, SubresourceKind, Text, Verb, Verbs, Virtual,
    definition_name,
};
pub use set::{GroupInfo, Registry, Shared, version_priority};
