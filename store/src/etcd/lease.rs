use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The most keys on one lease: they are all deleted in one revision when it ends.
const KEYS: u32 = 1000;
/// The most a key outlives its time because it shares a lease.
const LONGEST_SLACK: Duration = Duration::from_secs(60);

/// The leases in use, by time to live.
///
/// A lease is granted a little longer than asked, and keys that come within that time share it. So many keys with one
/// time to live (events) need few leases.
/// (Upstream: staging/src/k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go @ v1.36.)
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<Duration, Lease>>);

#[derive(Debug)]
struct Lease {
    id: i64,
    ends: Instant,
    keys: u32,
}

impl Leases {
    /// Returns a lease that ends no earlier than `ttl` from now and not much later, and counts a key to it.
    pub(super) fn share(&self, ttl: Duration, now: Instant) -> Option<i64> {
        let mut leases = self.0.lock();
        let lease = leases.get_mut(&ttl)?;
        if lease.keys >= KEYS || lease.ends < now + ttl {
            return None;
        }
        lease.keys += 1;
        Some(lease.id)
    }

    /// Remembers a lease that was granted at `now` for `granted` seconds, with one key on it.
    pub(super) fn remember(&self, ttl: Duration, id: i64, granted: i64, now: Instant) {
        let granted = Duration::from_secs(u64::try_from(granted).unwrap_or(0));
        let mut leases = self.0.lock();
        leases.retain(|_, lease| lease.ends > now);
        leases.insert(ttl, Lease { id, ends: now + granted, keys: 1 });
    }

    /// Forgets a lease that etcd no longer knows.
    pub(super) fn forget(&self, id: i64) {
        self.0.lock().retain(|_, lease| lease.id != id);
    }
}

/// Returns how many seconds to ask etcd for: `ttl` and a twentieth of it, at least one second more.
pub(super) fn seconds(ttl: Duration) -> i64 {
    let slack = (ttl / 20).clamp(Duration::from_secs(1), LONGEST_SLACK);
    let whole = (ttl + slack).as_millis().div_ceil(1000);
    i64::try_from(whole).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn keys_share_a_lease_while_it_lasts_long_enough() {
        let leases = Leases::default();
        let now = Instant::now();
        assert_eq!(leases.share(HOUR, now), None);
        assert_eq!(seconds(HOUR), 3660);
        leases.remember(HOUR, 7, seconds(HOUR), now);
        assert_eq!(leases.share(HOUR, now), Some(7));
        assert_eq!(leases.share(HOUR, now + Duration::from_secs(60)), Some(7));
        assert_eq!(leases.share(HOUR, now + Duration::from_secs(61)), None);
        assert_eq!(leases.share(Duration::from_secs(15), now), None);
        leases.forget(7);
        assert_eq!(leases.share(HOUR, now), None);
    }

    #[test]
    fn a_lease_takes_a_thousand_keys() {
        let leases = Leases::default();
        let now = Instant::now();
        leases.remember(HOUR, 7, 4000, now);
        assert_eq!((1..2000).filter(|_| leases.share(HOUR, now).is_some()).count(), 999);
        assert_eq!(seconds(Duration::from_millis(1500)), 3);
    }
}
