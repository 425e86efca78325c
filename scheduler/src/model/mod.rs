//! Values that decisions are made of, taken once from the API objects and compact: requests as integers, selectors compiled.

mod affinity;
mod node;
mod pod;
mod resources;
mod taints;

pub use affinity::{NodeMatcher, NodeTerms, Preferred};
pub use node::NodeInfo;
pub use pod::{HostPort, PodInfo, PodKey};
pub use resources::Resources;
pub use taints::{Effect, Taint, Toleration};
