use std::sync::Arc;

use crate::Revision;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause behind an error; shared, because one failed commit answers many requests.
pub type Cause = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// Why a store call failed; variants differ in what the caller can do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The revision asked for is gone from the log: list anew. (HTTP 410, reason `Expired`.)
    #[error("revision {requested} has been compacted, the oldest one available is {oldest}")]
    Compacted {
        /// The revision that was asked for.
        requested: Revision,
        /// A revision that can still be read; the oldest one as far as the backend tells.
        oldest: Revision,
    },
    /// The revision asked for does not exist yet: wait and try again.
    #[error("revision {requested} is in the future, the current one is {current}")]
    FutureRevision {
        /// The revision that was asked for.
        requested: Revision,
        /// The store's revision now.
        current: Revision,
    },
    /// The store cannot be reached or has stopped. The outcome of a write is unknown.
    #[error("the store is unavailable: {context}")]
    Unavailable {
        /// What was being done and with whom.
        context: String,
        /// What the backend said.
        #[source]
        cause: Option<Cause>,
    },
    /// The call's deadline passed. The outcome of a write is unknown.
    #[error("the store did not answer in time: {operation}")]
    Timeout {
        /// What was being done.
        operation: &'static str,
    },
    /// The value is larger than the store takes.
    #[error("the value of {key} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The key that was to be written.
        key: String,
        /// Size in bytes.
        size: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// The disk, or the backend's quota, is full. Nothing was written; reads still work.
    #[error("the disk that holds {place} is full: free some space, writes will then work again")]
    Full {
        /// The file or server that is full.
        place: String,
    },
    /// The stored data are damaged: restore a backup.
    #[error("the data in {place} are damaged ({detail}): restore them from a backup")]
    Corrupt {
        /// The file that is damaged.
        place: String,
        /// What the backend found.
        detail: String,
    },
    /// Another process has the data directory open.
    #[error("{place} is in use by another process{}: stop it, or use another data directory", owner(.pid))]
    Locked {
        /// The lock file.
        place: String,
        /// The process that holds the lock, where known.
        pid: Option<u32>,
    },
    /// The backend was set up with something it cannot use (path, certificate, endpoint).
    #[error("{context}")]
    Configuration {
        /// What is wrong and where.
        context: String,
        /// What the system said.
        #[source]
        cause: Option<Cause>,
    },
}

impl Error {
    /// Makes an [`Error::Unavailable`] with its cause.
    pub fn unavailable(context: impl Into<String>, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable { context: context.into(), cause: Some(Arc::new(cause)) }
    }

    /// Makes an [`Error::Configuration`] with its cause.
    pub fn configuration(context: impl Into<String>, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Configuration { context: context.into(), cause: Some(Arc::new(cause)) }
    }

    /// Makes an [`Error::Unavailable`] for a backend that was closed.
    pub(crate) fn closed() -> Self {
        Self::Unavailable { context: "it has been closed".into(), cause: None }
    }
}

fn owner(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}
