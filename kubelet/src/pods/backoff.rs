//! Back-off of container restarts and image pulls. Pure: time is passed in.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

/// First delay.
pub const INITIAL: Duration = Duration::from_secs(10);
/// Longest delay.
pub const MAX: Duration = Duration::from_secs(300);
/// A container that ran this long, or an image left alone this long, starts over with no delay.
const RESET_AFTER: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
struct Entry {
    delay: Duration,
    updated: Timestamp,
}

/// Delays by key. An event without an entry is not delayed; each restart doubles the next delay, from [`INITIAL`] to
/// [`MAX`], as upstream's `client-go/util/flowcontrol: Backoff @ v1.36`.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    entries: HashMap<String, Entry>,
}

/// A delay under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The whole delay.
    pub total: Duration,
    /// What is left of it.
    pub remaining: Duration,
}

impl Backoff {
    /// Returns the delay that an attempt after `event` (the end of the last one) still has to wait.
    pub fn since_event(&self, key: &str, event: Timestamp, now: Timestamp) -> Option<Delay> {
        let entry = self.entries.get(key).filter(|entry| !expired(entry, event))?;
        remaining(entry.delay, event, now)
    }

    /// Returns the delay that an attempt still has to wait, counted from the last [`Self::next`].
    pub fn since_update(&self, key: &str, now: Timestamp) -> Option<Delay> {
        let entry = self.entries.get(key).filter(|entry| !expired(entry, now))?;
        remaining(entry.delay, entry.updated, now)
    }

    /// Notes an attempt made now after `event`, and lengthens the delay of the following one.
    pub fn next(&mut self, key: &str, event: Timestamp, now: Timestamp) {
        let delay = match self.entries.get(key) {
            Some(entry) if !expired(entry, event) => (entry.delay * 2).min(MAX),
            _ => INITIAL,
        };
        self.entries.insert(key.to_owned(), Entry { delay, updated: now });
    }

    /// Forgets a key.
    pub fn reset(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

fn expired(entry: &Entry, event: Timestamp) -> bool {
    since(entry.updated, event) > RESET_AFTER
}

fn remaining(delay: Duration, from: Timestamp, now: Timestamp) -> Option<Delay> {
    let left = delay.checked_sub(since(from, now))?;
    (!left.is_zero()).then_some(Delay { total: delay, remaining: left })
}

/// Time from `from` to `to`; zero when `to` is earlier.
pub fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Shows a duration as Go does for whole seconds: `10s`, `1m20s`, `5m0s`, `1h0m0s`.
pub fn go_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_first_restart_is_immediate_and_later_ones_double_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let end = at(now);
            let wait = backoff.since_event("c", end, at(now)).map_or(0, |delay| delay.remaining.as_secs());
            waits.push(wait);
            now += i64::try_from(wait).unwrap();
            assert_eq!(backoff.since_event("c", end, at(now)), None);
            backoff.next("c", end, at(now));
            now += 1;
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn a_container_that_ran_ten_minutes_starts_over() {
        let mut backoff = Backoff::default();
        backoff.next("c", at(0), at(0));
        backoff.next("c", at(1), at(20));
        assert!(backoff.since_event("c", at(30), at(31)).is_some());
        assert!(backoff.since_event("c", at(621), at(622)).is_none());
        backoff.next("c", at(621), at(622));
        assert_eq!(backoff.since_event("c", at(623), at(623)).unwrap().total, INITIAL);
    }

    #[test]
    fn durations_read_as_in_go() {
        for (seconds, text) in [(10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s")] {
            assert_eq!(go_seconds(Duration::from_secs(seconds)), text);
        }
    }
}
