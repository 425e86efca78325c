//! The contract between a controller and the runner.

use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::queue::WorkQueue;

use super::Error;

/// The keys that wait to be reconciled.
pub type Queue = WorkQueue<NamespacedName>;

/// What to do with a key after a reconcile without error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing until something changes.
    Done,
    /// Reconcile again after this long, if nothing changes before.
    After(Duration),
}

/// A control loop. Its constructor declares informers and adds keys to the queue from their handlers.
#[async_trait]
pub trait Controller: Send + Sync + 'static {
    /// Brings what `key` names closer to what is declared. Level-driven and idempotent; never runs twice at a time for one key.
    ///
    /// # Errors
    /// Any; the runner logs it and tries again with back-off.
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error>;
}
