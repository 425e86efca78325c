//! Values that decisions are made of, taken once from the API objects and compact.

mod node;
mod pod;
mod surroundings;
mod terms;

pub use corvette_client::placement::{
    Effect, HostPort, NodeMatcher, NodeTerms, Preferred, Resources, Taint, Toleration,
};
pub use node::NodeInfo;
pub use pod::{ClaimRef, PodInfo, PodKey};
pub use surroundings::{BudgetInfo, ClaimInfo, Named, Surroundings, reach};
pub use terms::{PodTerm, PodTerms, Spread};
