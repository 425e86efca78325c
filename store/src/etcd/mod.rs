//! The etcd backend: many API servers on one etcd cluster.
//!
//! Every call has a deadline and goes to whichever endpoint answers; reads are linearizable. A watch that loses its
//! server resumes after the last revision it gave out. Keys of one time to live share leases.

mod client;
mod compaction;
mod convert;
mod fault;
mod lease;
mod options;
mod version;
mod watch;

pub use client::Etcd;
pub use options::{Options, Tls};
