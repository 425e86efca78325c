//! What placing a pod depends on, taken once from API objects and compact: requests as integers, selectors compiled.
//!
//! Shared by those who choose a node and the node that must agree. Pure.

mod affinity;
mod ports;
mod resources;
mod taints;

pub use affinity::{NodeMatcher, NodeTerms, Preferred};
pub use ports::{HostPort, host_ports};
pub use resources::{Resources, limits_of_pod, of_pod, of_pod_nonzero};
pub use taints::{Effect, Taint, Toleration};
