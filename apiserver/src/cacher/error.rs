use corvette_store::Revision;

/// The cache's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the cache cannot answer; variants differ in the status they become.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What came after the revision is no longer known: list anew (410, `Expired`).
    #[error("too old resource version: {requested} ({oldest})")]
    Expired {
        /// The revision that was asked for.
        requested: Revision,
        /// A revision that can still be had.
        oldest: Revision,
    },
    /// The cache did not reach the revision in time (504, `Timeout`; upstream's "Too large resource version").
    #[error("Too large resource version: {requested}, current: {current}")]
    TooLarge {
        /// The revision that was asked for.
        requested: Revision,
        /// The cache's revision.
        current: Revision,
    },
    /// The store failed.
    #[error(transparent)]
    Store(corvette_store::Error),
    /// The cache has been shut down.
    #[error("the watch cache is shut down")]
    Closed,
}

impl From<corvette_store::Error> for Error {
    fn from(error: corvette_store::Error) -> Self {
        match error {
            corvette_store::Error::Compacted { requested, oldest } => Self::Expired { requested, oldest },
            error => Self::Store(error),
        }
    }
}
