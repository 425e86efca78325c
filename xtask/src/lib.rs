//! The checks behind `cargo xtask`, as functions so that tests run the same ones.

pub mod bench;
pub mod layers;
pub mod test;
pub mod tidy;

mod run;

pub use run::{report, root};
