//! Scheduler plugins: one file and one row each. A plugin is a set of pure functions of a pod and a node.

mod inter_pod_affinity;
mod lineup;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced;
mod node_resources_fit;
mod node_unschedulable;
mod plugin;
mod pod_topology_spread;
mod table;
mod taint_toleration;
mod volume_binding;

pub use lineup::{Hopeless, Lineup};
pub use plugin::{ClusterEvent, MAX_NODE_SCORE, Overview, Plugin, Rejection};
pub use table::PLUGINS;
