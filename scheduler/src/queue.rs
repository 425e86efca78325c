//! The queue of pods that wait for a node. Pure: time is passed in.
//!
//! A pod is in one of four places: ready to be tried, backing off after a try, waiting for an event that may help, or gated.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{PodInfo, PodKey};
use crate::plugins::{ClusterEvent, PLUGINS};

/// A pod taken from the queue for a try.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The pod.
    pub pod: Arc<PodInfo>,
    /// How often it has been tried before.
    pub tries: u32,
    /// When it first came into the queue.
    pub since: Instant,
    /// When it was tried last.
    tried: Instant,
    event_count: u64,
}

#[derive(Debug)]
struct Waiting {
    attempt: Attempt,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Ready(Rank),
    BackingOff(Instant, Rank),
    Unschedulable { plugins: BTreeSet<&'static str>, until: Instant },
    Gated,
}

/// Order among ready pods: higher priority, then the older pod.
type Rank = (std::cmp::Reverse<i32>, jiff::Timestamp, PodKey);

/// Durations of the queue; see [`crate::Config`].
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// First back-off.
    pub initial_backoff: Duration,
    /// Longest back-off.
    pub max_backoff: Duration,
    /// Longest wait for an event.
    pub flush: Duration,
}

/// How many pods wait in each place, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be tried.
    pub active: usize,
    /// Backing off.
    pub backoff: usize,
    /// Waiting for an event.
    pub unschedulable: usize,
    /// Held by scheduling gates.
    pub gated: usize,
}

/// The queue. Holds each pod at most once.
#[derive(Debug)]
pub struct Queue {
    timing: Timing,
    pods: HashMap<PodKey, Waiting>,
    ready: BTreeSet<Rank>,
    backoff: BTreeSet<(Instant, Rank)>,
    event_count: u64,
}

impl Queue {
    /// An empty queue.
    pub fn new(timing: Timing) -> Self {
        let (pods, ready, backoff) = (HashMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { timing, pods, ready, backoff, event_count: 0 }
    }

    /// Takes in a new pod, or new facts of a waiting one, which make it worth a try at once. The same facts again change nothing.
    pub fn apply(&mut self, pod: PodInfo, now: Instant) {
        if self.pods.get(&pod.key).is_some_and(|waiting| *waiting.attempt.pod == pod) {
            return;
        }
        let known = self.take(&pod.key);
        let gated = !pod.gates.is_empty();
        let pod = Arc::new(pod);
        let attempt = match known {
            Some(waiting) => Attempt { pod, ..waiting.attempt },
            None => Attempt { pod, tries: 0, since: now, tried: now, event_count: self.event_count },
        };
        let place = if gated { Place::Gated } else { Place::Ready(rank(&attempt.pod)) };
        self.put(attempt, place);
    }

    /// Forgets a pod.
    pub fn delete(&mut self, key: &PodKey) {
        self.take(key);
    }

    /// The pod to try next, if one is ready.
    pub fn pop(&mut self, now: Instant) -> Option<Attempt> {
        self.release_due(now);
        let key = self.ready.first()?.2.clone();
        let mut attempt = self.take(&key)?.attempt;
        attempt.event_count = self.event_count;
        Some(attempt)
    }

    /// Puts a pod back that no node could take. It waits for an event one of `plugins` cares about; when events came in while it was
    /// being tried it only backs off.
    pub fn put_back(&mut self, mut attempt: Attempt, plugins: BTreeSet<&'static str>, now: Instant) {
        attempt.tries = attempt.tries.saturating_add(1);
        attempt.tried = now;
        let place = if attempt.event_count == self.event_count && !plugins.is_empty() {
            Place::Unschedulable { plugins, until: now + self.timing.flush }
        } else {
            self.backoff_place(&attempt, now)
        };
        self.put(attempt, place);
    }

    /// Moves the pods that `event` may help out of waiting.
    pub fn notice(&mut self, event: ClusterEvent, now: Instant) {
        self.event_count += 1;
        let helped: Vec<PodKey> = self
            .pods
            .iter()
            .filter(|(_, waiting)| match &waiting.place {
                Place::Unschedulable { plugins, .. } => {
                    PLUGINS.iter().any(|p| plugins.contains(p.name()) && p.helped_by(event))
                }
                _ => false,
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in helped {
            self.back_off(&key, now);
        }
    }

    /// When [`Queue::pop`] may next give a pod, if time alone can bring that about.
    pub fn next_due(&self) -> Option<Instant> {
        let waits = self.pods.values().filter_map(|w| match w.place {
            Place::Unschedulable { until, .. } => Some(until),
            _ => None,
        });
        waits.chain(self.backoff.first().map(|(due, _)| *due)).min()
    }

    /// How many pods wait where.
    pub fn depth(&self) -> Depth {
        let mut depth = Depth { active: self.ready.len(), backoff: self.backoff.len(), ..Depth::default() };
        for waiting in self.pods.values() {
            match waiting.place {
                Place::Unschedulable { .. } => depth.unschedulable += 1,
                Place::Gated => depth.gated += 1,
                _ => {}
            }
        }
        depth
    }

    fn release_due(&mut self, now: Instant) {
        while let Some((_, rank)) = self.backoff.first().filter(|(due, _)| *due <= now).cloned() {
            let Some(waiting) = self.take(&rank.2) else { break };
            self.put(waiting.attempt, Place::Ready(rank));
        }
        let flushed: Vec<PodKey> = self
            .pods
            .iter()
            .filter(|(_, w)| matches!(w.place, Place::Unschedulable { until, .. } if until <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in flushed {
            self.back_off(&key, now);
        }
    }

    fn back_off(&mut self, key: &PodKey, now: Instant) {
        if let Some(waiting) = self.take(key) {
            let place = self.backoff_place(&waiting.attempt, now);
            self.put(waiting.attempt, place);
        }
    }

    /// The back-off runs from the last try: a pod that has waited longer than it for an event is ready at once.
    fn backoff_place(&self, attempt: &Attempt, now: Instant) -> Place {
        let doubled = self.timing.initial_backoff.saturating_mul(1 << attempt.tries.saturating_sub(1).min(16));
        let (due, rank) = (attempt.tried + doubled.min(self.timing.max_backoff), rank(&attempt.pod));
        if due <= now { Place::Ready(rank) } else { Place::BackingOff(due, rank) }
    }

    fn put(&mut self, attempt: Attempt, place: Place) {
        match &place {
            Place::Ready(rank) => {
                self.ready.insert(rank.clone());
            }
            Place::BackingOff(due, rank) => {
                self.backoff.insert((*due, rank.clone()));
            }
            Place::Unschedulable { .. } | Place::Gated => {}
        }
        self.pods.insert(attempt.pod.key.clone(), Waiting { attempt, place });
    }

    fn take(&mut self, key: &PodKey) -> Option<Waiting> {
        let waiting = self.pods.remove(key)?;
        match &waiting.place {
            Place::Ready(rank) => {
                self.ready.remove(rank);
            }
            Place::BackingOff(due, rank) => {
                self.backoff.remove(&(*due, rank.clone()));
            }
            Place::Unschedulable { .. } | Place::Gated => {}
        }
        Some(waiting)
    }
}

fn rank(pod: &PodInfo) -> Rank {
    (std::cmp::Reverse(pod.priority), pod.created, pod.key.clone())
}
