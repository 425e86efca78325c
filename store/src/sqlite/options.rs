use std::time::Duration;

use corvette_component::clock::{self, SharedClock};

/// Default of [`Options::retain`].
const RETAIN: Duration = Duration::from_secs(60 * 60);
/// Default of [`Options::retain_revisions`].
const RETAIN_REVISIONS: u64 = 100_000;

/// How the embedded backend keeps its data.
#[derive(Clone)]
pub struct Options {
    /// History younger than this is kept: lists at and watches after a revision of that time work. Default one hour.
    pub retain: Duration,
    /// The most revisions of history to keep, however young they are. Default 100,000.
    pub retain_revisions: u64,
    /// The largest value, bytes. Default 1.5 MiB, as etcd's `--max-request-bytes`.
    pub max_value: usize,
    /// What time it is, for leases and for the age of history.
    pub clock: SharedClock,
}

impl Default for Options {
    fn default() -> Self {
        Self { retain: RETAIN, retain_revisions: RETAIN_REVISIONS, max_value: crate::MAX_VALUE, clock: clock::system() }
    }
}
