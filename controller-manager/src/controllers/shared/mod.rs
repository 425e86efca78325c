//! Mechanisms that several controllers use: pods, ownership, adoption, slow start, template hash.

pub mod claim;
pub mod discovery;
pub mod family;
pub mod hash;
pub mod pods;
pub mod services;
pub mod slow_start;
pub mod taints;
#[cfg(test)]
pub mod testing;
