//! Mechanisms that several controllers use: pods, ownership, adoption, slow start, template hash.

pub mod claim;
pub mod family;
pub mod hash;
pub mod pods;
pub mod slow_start;
#[cfg(test)]
pub mod testing;
