//! Pieces that strategies share. Nothing here knows a kind.

pub mod cells;
pub mod checks;
pub mod generation;
pub mod metadata;
pub mod network;
pub mod resources;
pub mod selector;
pub mod values;
