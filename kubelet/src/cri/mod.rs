//! The kubelet's side of CRI v1: typed calls to a container runtime over a unix socket.
//!
//! [`Runtime`] is cheap to clone, connects at the first call and again after the runtime went away. Every call has a
//! deadline (the runtime is told of it too) and fails with an [`Error`] whose variant says what the caller can do. It
//! knows nothing of pods: names, labels and decisions belong to its callers.

mod changes;
mod error;
mod images;
mod runtime;
mod stats;
mod streaming;
mod tasks;

pub use changes::Change;
pub use corvette_proto::cri as proto;
pub use error::{Error, Failure};
pub use runtime::{EXEC_SLACK, Runtime, TIMEOUT};

/// Result of a call to the runtime.
pub type Result<T> = std::result::Result<T, Error>;
