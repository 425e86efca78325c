//! A kubelet on a real containerd, in network and mount namespaces of its own, with an API server in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

mod admission;
mod containers;
mod lifecycle;
mod pressure;
mod streams;
mod support;
