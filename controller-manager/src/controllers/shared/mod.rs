//! Mechanisms that several controllers use: pods, nodes, ownership, adoption, slow start, revisions.

pub mod claim;
pub mod counts;
pub mod discovery;
pub mod family;
pub mod hash;
pub mod history;
pub mod nodes;
pub mod pod_control;
pub mod pods;
pub mod services;
pub mod slow_start;
pub mod taints;
#[cfg(test)]
pub mod testing;
