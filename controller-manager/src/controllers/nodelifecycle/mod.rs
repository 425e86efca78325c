//! Notices nodes that fall silent: conditions become Unknown, taints keep pods away, pods lose their readiness.
//!
//! Watches nodes, their leases and pods. Follows pkg/controller/nodelifecycle @ v1.36. A node's reports are judged by
//! when this process saw them change, never by the node's clock. While every node is silent, none is tainted
//! NoExecute: then it is more likely the network of the control plane that fails.

mod controller;
mod plan;

pub use controller::build;
