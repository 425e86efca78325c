use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use corvette_component::clock::SharedClock;
use tokio::sync::{mpsc, watch};

use super::log::Lease;
use super::writer::Request;

/// The least time between two rounds of deleting, so that keys of one moment go in one commit.
const ROUND: Duration = Duration::from_millis(100);
/// The longest sleep, after which the wall clock is read again.
const LONGEST: Duration = Duration::from_secs(30);

/// The leases by time; those of keys that were written since are dropped when their time comes.
#[derive(Debug, Default)]
pub(super) struct Leases(BinaryHeap<Reverse<Lease>>);

impl Leases {
    pub(super) fn new(leases: Vec<Lease>) -> Self {
        Self(leases.into_iter().map(Reverse).collect())
    }

    pub(super) fn add(&mut self, lease: Lease) {
        self.0.push(Reverse(lease));
    }

    /// Returns when the first lease ends, Unix milliseconds.
    pub(super) fn next(&self) -> Option<i64> {
        self.0.peek().map(|Reverse(lease)| lease.expires)
    }

    /// Takes up to `limit` leases whose time is over.
    pub(super) fn due(&mut self, now: i64, limit: usize) -> Vec<Lease> {
        let mut due = Vec::new();
        while due.len() < limit && self.next().is_some_and(|expires| expires <= now) {
            due.extend(self.0.pop().map(|Reverse(lease)| lease));
        }
        due
    }
}

/// Tells the writer when leases end, until the store is closed. `next` is what [`Leases::next`] says after each commit.
pub(super) async fn run(writer: mpsc::WeakSender<Request>, mut next: watch::Receiver<Option<i64>>, clock: SharedClock) {
    loop {
        let expires = *next.borrow_and_update();
        let Some(expires) = expires else {
            if next.changed().await.is_err() {
                return;
            }
            continue;
        };
        let left = expires.saturating_sub(clock.now().as_millisecond());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        tokio::select! {
            () = tokio::time::sleep(left.clamp(ROUND, LONGEST)) => {}
            // An earlier lease may have come.
            changed = next.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        }
        if clock.now().as_millisecond() < expires {
            continue;
        }
        let Some(sender) = writer.upgrade() else { return };
        if sender.send(Request::Expire).await.is_err() || next.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Revision;

    #[test]
    fn gives_out_what_is_due_in_order_of_time() {
        let lease = |expires, revision| Lease { expires, revision: Revision(revision), key: "k".into() };
        let mut leases = Leases::new(vec![lease(30, 1), lease(10, 2)]);
        leases.add(lease(20, 3));
        assert_eq!(leases.next(), Some(10));
        assert_eq!(leases.due(25, 10), [lease(10, 2), lease(20, 3)]);
        assert_eq!(leases.due(25, 10), []);
        assert_eq!(leases.due(99, 10), [lease(30, 1)]);
        assert_eq!(leases.next(), None);
    }
}
