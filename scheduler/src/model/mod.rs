//! Values that decisions are made of, taken once from the API objects and compact.

mod node;
mod pod;

pub use corvette_client::placement::{
    Effect, HostPort, NodeMatcher, NodeTerms, Preferred, Resources, Taint, Toleration,
};
pub use node::NodeInfo;
pub use pod::{PodInfo, PodKey};
