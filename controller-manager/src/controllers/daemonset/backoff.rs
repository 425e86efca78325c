//! How long to wait before the failed pod of a node is deleted again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The first wait.
const INITIAL: Duration = Duration::from_secs(1);
/// The longest wait.
const MAXIMUM: Duration = Duration::from_secs(15 * 60);

/// Waits by the uid of the set and the name of the node; forgotten after twice the longest wait.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<(String, String), Entry>>);

#[derive(Debug)]
struct Entry {
    generation: i64,
    wait: Duration,
    since: Instant,
}

impl Backoff {
    /// Returns how long each node of a set still has to wait.
    pub fn waiting(&self, set: &str, generation: i64) -> BTreeMap<String, Duration> {
        let mut entries = self.0.lock();
        entries.retain(|_, entry| entry.since.elapsed() <= 2 * MAXIMUM);
        let mine = entries.iter().filter(|((uid, _), entry)| uid == set && entry.generation == generation);
        let rest = mine.map(|((_, node), entry)| (node.clone(), entry.wait.saturating_sub(entry.since.elapsed())));
        rest.filter(|(_, rest)| !rest.is_zero()).collect()
    }

    /// Notes that a failed pod is deleted from a node: the next waits longer.
    pub fn failed(&self, set: &str, generation: i64, node: &str) {
        let mut entries = self.0.lock();
        let entry = entries.entry((set.to_owned(), node.to_owned()));
        let wait = match &entry {
            std::collections::hash_map::Entry::Occupied(old) if old.get().generation == generation => {
                (old.get().wait * 2).min(MAXIMUM)
            }
            _ => INITIAL,
        };
        entry.insert_entry(Entry { generation, wait, since: Instant::now() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_double_until_the_set_changes() {
        let backoff = Backoff::default();
        let wait = |generation| backoff.waiting("u", generation).get("n").copied();
        for expected in [1, 2, 4, 8] {
            backoff.failed("u", 1, "n");
            assert_eq!(wait(1), Some(Duration::from_secs(expected)));
        }
        assert_eq!(wait(2), None);
        tokio::time::advance(Duration::from_secs(8)).await;
        assert_eq!(wait(1), None);
        backoff.failed("u", 2, "n");
        assert_eq!(wait(2), Some(INITIAL));
        tokio::time::advance(3 * MAXIMUM).await;
        assert_eq!(wait(2), None);
        backoff.failed("u", 2, "n");
        assert_eq!(wait(2), Some(INITIAL));
    }
}
