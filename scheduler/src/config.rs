//! What can be set.

use std::time::Duration;

use corvette_client::leader;

/// Configures the scheduler. Defaults are upstream's (`pkg/scheduler/apis/config/v1/defaults.go`).
#[derive(Debug, Clone)]
pub struct Config {
    /// Pods whose `spec.schedulerName` equals this are ours.
    pub scheduler_name: String,
    /// Delay before a pod that did not fit is tried again, doubled on every further try.
    pub initial_backoff: Duration,
    /// Upper bound of that delay.
    pub max_backoff: Duration,
    /// A pod that no event has moved is tried again after this time.
    pub unschedulable_flush: Duration,
    /// How many bindings may be under way at once; the next cycle waits when all are taken.
    pub parallel_binds: usize,
    /// The leader election; `None` leads at once. With a stable identity a restart leads at once too.
    pub election: Option<leader::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheduler_name: "default-scheduler".to_owned(),
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(10),
            unschedulable_flush: Duration::from_secs(300),
            parallel_binds: 32,
            election: None,
        }
    }
}
