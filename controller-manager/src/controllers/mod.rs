//! The controllers: one folder and one row of the table each.

mod deployment;
mod replicaset;
mod shared;
pub mod table;
