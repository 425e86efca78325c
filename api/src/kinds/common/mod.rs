//! Pieces that strategies share. Nothing here knows a kind.

pub mod checks;
pub mod generation;
pub mod metadata;
pub mod selector;
pub mod values;
