//! Wall-clock time as a dependency, so that decisions can be tested at any instant.
//!
//! Waiting is not here: code sleeps with tokio's time, which tests pause.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// Tells the wall-clock time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;
}

/// A clock that several owners share.
pub type SharedClock = Arc<dyn Clock>;

/// Reads the machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Returns the machine's clock behind a shared pointer.
#[must_use]
pub fn system() -> SharedClock {
    Arc::new(SystemClock)
}

/// A clock that moves only when told. Clones share the same instant.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<Timestamp>>);

impl FakeClock {
    /// Starts at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// Moves forward by `by`; stays at the greatest representable instant on overflow.
    pub fn advance(&self, by: Duration) {
        let step = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut now = self.0.lock();
        *now = now.checked_add(step).unwrap_or(Timestamp::MAX);
    }

    /// Moves to `to`, which may lie in the past.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock() = to;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fake_clock_moves_only_when_told() {
        let clock = FakeClock::new(Timestamp::UNIX_EPOCH);
        let twin = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(twin.now().as_second(), 5);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(twin.now().as_second(), 0);
    }
}
