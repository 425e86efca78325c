//! The versioned key-value store behind the API server.
//!
//! It owns the trait [`Store`], its values, and two backends: [`sqlite`] (embedded) and [`etcd`]. Both keep one
//! monotonic [`Revision`] for all keys, a log of revisions that watches resume from, and leases that delete keys
//! when their time is over. `tests/contract/` is the suite both pass. The crate knows nothing of Kubernetes: keys are
//! strings, values are bytes.
//!
//! Guarantees: a write is acknowledged only after it is durable; a watch sees every change after its revision once and
//! in order, or ends with [`Error::Compacted`]; a revision that was seen is never given again.

mod error;
pub mod etcd;
mod limits;
mod range;
pub mod sqlite;
mod types;

pub use error::{Error, Result};
use limits::{MAX_VALUE, check_size};
pub use types::{
    Change, Event, EventKind, Expect, KeyValue, ListOptions, Page, Progress, Revision, Store, TxnOutcome, Watch,
    WatchBatch,
};
