//! Status of pods: made from values ([`generate`]) and written to the API ([`Writer`]).

pub mod conditions;
pub mod containers;
mod generate;
pub mod phase;
mod writer;

pub use containers::{Life, Reason, Reasons};
pub use generate::{Inputs, Verdict, generate, rejected};
pub use writer::{Writer, patch};
