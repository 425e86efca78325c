//! Scheduler plugins: one file and one row each. A plugin is a set of pure functions of a pod and a node.

mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced;
mod node_resources_fit;
mod node_unschedulable;
mod plugin;
mod table;
mod taint_toleration;

pub use plugin::{ClusterEvent, MAX_NODE_SCORE, Plugin, Rejection};
pub use table::PLUGINS;
