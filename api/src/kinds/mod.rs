//! Behaviour of kinds: defaults, what a client may set, validation, printer columns, selectable fields, deletion.
//!
//! Owns everything the request pipeline must know about one kind beyond its schema. Each kind is one file
//! (`kinds/<group>/<kind>.rs`) that lists its facts, a [`Kind`], and one row in [`table`]. Pieces that several
//! kinds share (pod template, selectors, object metadata) are in [`common`] and [`podspec`].
//!
//! Everything here is a pure function of `serde_json::Value`s: time comes in through [`Context`], and HTTP, storage and
//! authorisation are unknown to it.

pub mod column;
pub mod common;
pub mod kind;
pub mod podspec;
pub mod printing;
pub mod scale;
pub mod strategy;
pub mod table;

pub mod admissionregistration;
pub mod apiextensions;
pub mod apiregistration;
pub mod apps;
pub mod autoscaling;
pub mod batch;
pub mod certificates;
pub mod coordination;
pub mod core;
pub mod discovery;
pub mod flowcontrol;
pub mod networking;
pub mod node;
pub mod policy;
pub mod rbac;
pub mod resource;
pub mod scheduling;
pub mod storage;

#[cfg(test)]
pub(crate) mod checking;

pub use column::{Column, Selectable};
pub use kind::Kind;
pub use scale::ScalePaths;
pub use strategy::{Context, DeletePolicy, NAME_AND_AGE, Strategy, create_errors, status_errors, update_errors};

#[cfg(test)]
mod testing;
