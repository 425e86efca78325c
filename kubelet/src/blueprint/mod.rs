//! What to ask the runtime for: configurations of sandboxes and containers, and the files that the kubelet keeps for
//! them. Pure, except for nothing: values in, CRI messages or text out.

mod container;
pub mod dns;
pub mod hosts;
mod limits;
mod sandbox;
mod security;

pub use container::{Parts, container};
pub use limits::{PodLimits, limits, of_pod as pod_limits};
pub use sandbox::{Host, hostname, sandbox};
pub use security::{ImageUser, check_non_root};
