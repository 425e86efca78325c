//! The container runtime of a node: for now containerd, run as a child on its own root, state, socket and network.
//!
//! [`containerd::start`] brings one up or adopts the one that an earlier process left running: containerd and its
//! containers outlive us. [`containerd::clean`] removes every trace but the data. [`image::load`] imports archives.
//! Everything lives under the data directory, so several clusters can share a machine in different network namespaces.
//!
//! Must not know: Kubernetes objects, the API, pods beyond their sandboxes. The kubelet talks CRI to the socket itself.

pub mod containerd;
pub mod image;
pub mod mounts;
mod sys;
