//! The work queue of a controller.
//!
//! A key waits at most once; a key added while it is worked on is worked on again afterwards, never by two
//! workers at a time. Follows client-go/util/workqueue: Typed, TypedDelayingQueue and TypedRateLimitingQueue @ v1.36.
//! The queue holds keys that exist, so the number of objects bounds it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::metrics;

/// The delay after the first failure of a key; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(5);

/// The greatest delay between two attempts at a key.
const LAST_DELAY: Duration = Duration::from_secs(1000);

/// A queue of keys for several workers. Clones share it.
pub struct WorkQueue<T>(Arc<Inner<T>>);

struct Inner<T> {
    name: String,
    changed: Notify,
    state: Mutex<State<T>>,
}

struct State<T> {
    ready: VecDeque<T>,
    /// Waiting in `ready`, or to be put there when done; with the time of the add.
    dirty: HashMap<T, Instant>,
    processing: HashMap<T, Instant>,
    later: BinaryHeap<Reverse<(Instant, u64)>>,
    /// The key behind each number in `later`.
    timers: HashMap<u64, T>,
    /// The earliest pending timer of a key; entries in `later` that differ are stale.
    due: HashMap<T, (Instant, u64)>,
    next_timer: u64,
    failures: HashMap<T, u32>,
    closed: bool,
}

impl<T> Clone for WorkQueue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Hash + Eq + Clone> WorkQueue<T> {
    /// Makes an empty queue; `name` labels its metrics.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashMap::new(),
            processing: HashMap::new(),
            later: BinaryHeap::new(),
            timers: HashMap::new(),
            due: HashMap::new(),
            next_timer: 0,
            failures: HashMap::new(),
            closed: false,
        };
        Self(Arc::new(Inner { name: name.to_owned(), changed: Notify::new(), state: Mutex::new(state) }))
    }

    /// Adds a key to be worked on now.
    pub fn add(&self, key: T) {
        let mut state = self.0.state.lock();
        if self.add_locked(&mut state, key) {
            self.0.changed.notify_one();
        }
    }

    /// Adds a key after `delay`; of several delays the earliest counts.
    pub fn add_after(&self, key: T, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let at = Instant::now() + delay;
        let mut state = self.0.state.lock();
        if state.closed || state.due.get(&key).is_some_and(|(due, _)| *due <= at) {
            return;
        }
        let timer = state.next_timer;
        state.next_timer += 1;
        state.later.push(Reverse((at, timer)));
        state.timers.insert(timer, key.clone());
        if let Some((_, stale)) = state.due.insert(key, (at, timer)) {
            state.timers.remove(&stale);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// Adds a key after the delay that its failures since the last [`Self::forget`] have earned: 5 ms doubled each time, up to 1,000 s.
    pub fn add_rate_limited(&self, key: T) {
        let delay = {
            let mut state = self.0.state.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            let delay = FIRST_DELAY.saturating_mul(1_u32.checked_shl(*failures).unwrap_or(u32::MAX)).min(LAST_DELAY);
            *failures = failures.saturating_add(1);
            delay
        };
        metrics::WORKQUEUE_RETRIES.with_label_values(&[&self.0.name]).inc();
        self.add_after(key, delay);
    }

    /// Forgets a key's failures: call it after a success.
    pub fn forget(&self, key: &T) {
        self.0.state.lock().failures.remove(key);
    }

    /// Returns how often a key was added rate-limited since it was last forgotten.
    #[must_use]
    pub fn failures(&self, key: &T) -> u32 {
        self.0.state.lock().failures.get(key).copied().unwrap_or_default()
    }

    /// Returns how many keys wait to be worked on now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.state.lock().ready.len()
    }

    /// Says whether no key waits to be worked on now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next key, or returns `None` after shutdown once the queue is empty.
    ///
    /// The caller calls [`Self::done`] with it when finished. Cancel safe: no key is lost.
    pub async fn next(&self) -> Option<T> {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let due = match self.poll() {
                Polled::Key(key) => return Some(key),
                Polled::Closed => return None,
                Polled::Wait(due) => due,
            };
            match due {
                None => changed.await,
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(at) => {}
                },
            }
        }
    }

    /// Marks a key as finished; if it was added in the meantime it is ready again.
    pub fn done(&self, key: &T) {
        let mut state = self.0.state.lock();
        if let Some(started) = state.processing.remove(key) {
            metrics::WORKQUEUE_WORK.with_label_values(&[&self.0.name]).observe(started.elapsed().as_secs_f64());
        }
        if state.dirty.contains_key(key) {
            state.ready.push_back(key.clone());
            self.measure(&state);
            drop(state);
            self.0.changed.notify_one();
        }
    }

    /// Refuses further keys; workers get what is ready, then `None`.
    pub fn shutdown(&self) {
        let mut state = self.0.state.lock();
        state.closed = true;
        state.later.clear();
        state.timers.clear();
        state.due.clear();
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Returns whether a worker must be woken.
    fn add_locked(&self, state: &mut State<T>, key: T) -> bool {
        if state.closed || state.dirty.contains_key(&key) {
            return false;
        }
        metrics::WORKQUEUE_ADDS.with_label_values(&[&self.0.name]).inc();
        state.dirty.insert(key.clone(), Instant::now());
        if state.processing.contains_key(&key) {
            return false;
        }
        state.ready.push_back(key);
        self.measure(state);
        true
    }

    fn poll(&self) -> Polled<T> {
        let mut state = self.0.state.lock();
        let now = Instant::now();
        let due = self.fire_timers(&mut state, now);
        let Some(key) = state.ready.pop_front() else {
            return if state.closed { Polled::Closed } else { Polled::Wait(due) };
        };
        if let Some(added) = state.dirty.remove(&key) {
            metrics::WORKQUEUE_WAIT.with_label_values(&[&self.0.name]).observe((now - added).as_secs_f64());
        }
        state.processing.insert(key.clone(), now);
        self.measure(&state);
        Polled::Key(key)
    }

    /// Makes due keys ready and returns when the next will be.
    fn fire_timers(&self, state: &mut State<T>, now: Instant) -> Option<Instant> {
        let mut fired = 0_usize;
        let next = loop {
            match state.later.peek() {
                None => break None,
                Some(Reverse((at, timer))) if *at > now && state.timers.contains_key(timer) => break Some(*at),
                Some(_) => {}
            }
            let Some(Reverse((_, timer))) = state.later.pop() else { break None };
            let Some(key) = state.timers.remove(&timer) else { continue };
            state.due.remove(&key);
            if self.add_locked(state, key) {
                fired += 1;
            }
        };
        // This worker takes one of them; the others are woken for the rest.
        for _ in 1..fired {
            self.0.changed.notify_one();
        }
        next
    }

    fn measure(&self, state: &State<T>) {
        let depth = i64::try_from(state.ready.len()).unwrap_or(i64::MAX);
        metrics::WORKQUEUE_DEPTH.with_label_values(&[&self.0.name]).set(depth);
    }
}

enum Polled<T> {
    Key(T),
    Wait(Option<Instant>),
    Closed,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    async fn take(queue: &WorkQueue<u32>) -> Option<u32> {
        tokio::time::timeout(Duration::from_millis(1), queue.next()).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_and_is_never_worked_on_twice_at_a_time() {
        let queue = WorkQueue::new("test");
        queue.add(1);
        queue.add(1);
        assert_eq!(queue.len(), 1);
        assert_eq!(take(&queue).await, Some(1));
        queue.add(1);
        assert_eq!(take(&queue).await, None);
        queue.done(&1);
        assert_eq!(take(&queue).await, Some(1));
        queue.done(&1);
        assert_eq!(take(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_of_several_delays_counts() {
        let queue = WorkQueue::new("test");
        let start = Instant::now();
        queue.add_after(1, Duration::from_secs(10));
        queue.add_after(1, Duration::from_secs(2));
        queue.add_after(1, Duration::from_secs(5));
        assert_eq!(queue.next().await, Some(1));
        assert_eq!(start.elapsed().as_secs(), 2);
        queue.done(&1);
        assert!(tokio::time::timeout(Duration::from_secs(60), queue.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_double_the_delay_up_to_the_cap_until_forgotten() {
        let queue = WorkQueue::new("test");
        for expected in [5, 10, 20, 40] {
            let start = Instant::now();
            queue.add_rate_limited(7);
            assert_eq!(queue.next().await, Some(7));
            assert_eq!(start.elapsed().as_millis(), expected);
            queue.done(&7);
        }
        assert_eq!(queue.failures(&7), 4);
        for _ in 0..40 {
            queue.add_rate_limited(8);
        }
        let start = Instant::now();
        assert_eq!(queue.next().await, Some(8));
        assert_eq!(start.elapsed().as_millis(), 5);
        queue.add_rate_limited(8);
        queue.done(&8);
        assert_eq!(queue.next().await, Some(8));
        assert_eq!(start.elapsed().as_secs(), 1000);
        queue.forget(&7);
        assert_eq!(queue.failures(&7), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn timers_that_fire_together_wake_every_worker() {
        let queue = WorkQueue::new("test");
        let workers: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let queue = queue.clone();
                    async move { queue.next().await }
                })
            })
            .collect();
        for key in 0..3 {
            queue.add_after(key, Duration::from_secs(1));
        }
        let mut taken = HashSet::new();
        for worker in workers {
            taken.extend(worker.await.unwrap());
        }
        assert_eq!(taken.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_drains_what_is_ready_and_ends_the_workers() {
        let queue = WorkQueue::new("test");
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.next().await }
        });
        tokio::task::yield_now().await;
        queue.shutdown();
        queue.add(1);
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn many_writers_and_workers_lose_nothing() {
        let queue = WorkQueue::new("test");
        let seen = Arc::new(Mutex::new(HashSet::new()));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let (queue, seen) = (queue.clone(), seen.clone());
                tokio::spawn(async move {
                    while let Some(key) = queue.next().await {
                        tokio::task::yield_now().await;
                        seen.lock().insert(key);
                        queue.done(&key);
                    }
                })
            })
            .collect();
        for key in 0..5000_u32 {
            if key % 3 == 0 {
                queue.add_after(key, Duration::from_micros(50))
            } else {
                queue.add(key)
            }
            if key % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        while seen.lock().len() < 5000 {
            tokio::task::yield_now().await;
        }
        queue.shutdown();
        for worker in workers {
            worker.await.unwrap();
        }
    }
}
