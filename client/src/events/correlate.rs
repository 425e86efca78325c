//! What becomes of an event: a new object, a higher count, or nothing. Pure.
//!
//! Follows client-go/tools/record/events_cache.go: EventCorrelator @ v1.36.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;

use super::EventType;

/// Entries per cache; beyond it the older half is forgotten.
const CACHE: usize = 4096;
/// From this many different messages on, similar events are combined.
const SIMILAR: usize = 10;
/// Seconds without a similar event after which combining starts anew.
const SIMILAR_WINDOW: i64 = 600;
/// Events about one object before the filter holds back.
const BURST: f64 = 25.0;
/// Events about one object per second after the burst.
const RATE: f64 = 1.0 / 300.0;

/// What a controller wants to tell.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    pub(super) object: ObjectReference,
    pub(super) kind: EventType,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) at: Timestamp,
}

/// What to write for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The Event's name.
    pub(super) name: String,
    pub(super) message: String,
    pub(super) count: i32,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct ObjectKey {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    api_version: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct GroupKey {
    object: ObjectKey,
    kind: EventType,
    reason: String,
}

/// The key of events that are counted together; combined ones have no message and no field.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CountKey {
    group: GroupKey,
    exact: Option<(Option<String>, String)>,
}

struct Group {
    messages: HashSet<String>,
    last: Timestamp,
}

struct Counted {
    name: String,
    count: i32,
    first: Timestamp,
    last: Timestamp,
}

struct Bucket {
    tokens: f64,
    last: Timestamp,
}

/// The memory of one recorder.
#[derive(Default)]
pub(super) struct Correlator {
    groups: HashMap<GroupKey, Group>,
    counted: HashMap<CountKey, Counted>,
    buckets: HashMap<ObjectKey, Bucket>,
}

impl Correlator {
    /// Returns what to write for `event`; `None` when the object has too many already.
    pub(super) fn observe(&mut self, event: &Occurrence) -> Option<Record> {
        let object = ObjectKey {
            kind: event.object.kind.clone(),
            namespace: event.object.namespace.clone(),
            name: event.object.name.clone(),
            uid: event.object.uid.clone(),
            api_version: event.object.api_version.clone(),
        };
        let group = GroupKey { object: object.clone(), kind: event.kind, reason: event.reason.clone() };
        let combined = self.combines(&group, event);
        let message =
            if combined { format!("(combined from similar events): {}", event.message) } else { event.message.clone() };
        let exact = (!combined).then(|| (event.object.field_path.clone(), event.message.clone()));
        let record = self.count(CountKey { group, exact }, message, event);
        self.admits(object, event.at).then_some(record)
    }

    fn combines(&mut self, key: &GroupKey, event: &Occurrence) -> bool {
        shrink(&mut self.groups, |group| group.last);
        let fresh = || Group { messages: HashSet::new(), last: event.at };
        let group = self.groups.entry(key.clone()).or_insert_with(fresh);
        if seconds_between(group.last, event.at) > SIMILAR_WINDOW {
            *group = fresh();
        }
        group.last = event.at;
        if group.messages.contains(&event.message) || group.messages.len() + 1 < SIMILAR {
            group.messages.insert(event.message.clone());
            return group.messages.len() >= SIMILAR;
        }
        true
    }

    fn count(&mut self, key: CountKey, message: String, event: &Occurrence) -> Record {
        shrink(&mut self.counted, |counted| counted.last);
        let name = || {
            let base = event.object.name.as_deref().unwrap_or_default();
            format!("{base}.{:x}", event.at.as_nanosecond())
        };
        let counted = self.counted.entry(key).or_insert_with(|| Counted {
            name: name(),
            count: 0,
            first: event.at,
            last: event.at,
        });
        counted.count = counted.count.saturating_add(1);
        counted.last = event.at;
        Record { name: counted.name.clone(), message, count: counted.count, first: counted.first, last: event.at }
    }

    fn admits(&mut self, key: ObjectKey, at: Timestamp) -> bool {
        shrink(&mut self.buckets, |bucket| bucket.last);
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: BURST, last: at });
        let elapsed = at.duration_since(bucket.last).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * RATE).min(BURST);
        bucket.last = at;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second())
}

/// Makes room for one more entry.
fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>, last: impl Fn(&V) -> Timestamp) {
    if map.len() < CACHE {
        return;
    }
    let mut times: Vec<Timestamp> = map.values().map(&last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    map.retain(|_, value| last(value) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, message: &str, at: i64) -> Occurrence {
        Occurrence {
            object: ObjectReference { name: Some(name.to_owned()), ..ObjectReference::default() },
            kind: EventType::Normal,
            reason: "Scheduled".to_owned(),
            message: message.to_owned(),
            at: Timestamp::from_second(at).unwrap(),
        }
    }

    #[test]
    fn a_repeated_event_raises_its_count() {
        let mut correlator = Correlator::default();
        let first = correlator.observe(&event("p", "hello", 100)).unwrap();
        let second = correlator.observe(&event("p", "hello", 160)).unwrap();
        assert_eq!((first.count, second.count), (1, 2));
        assert_eq!(first.name, second.name);
        assert_eq!(first.name, format!("p.{:x}", 100_000_000_000_u64));
        assert_eq!((second.first.as_second(), second.last.as_second()), (100, 160));
    }

    #[test]
    fn many_different_messages_are_combined() {
        let mut correlator = Correlator::default();
        let records: Vec<Record> =
            (0..12).map(|n| correlator.observe(&event("p", &format!("m{n}"), 100 + n)).unwrap()).collect();
        assert_eq!(records.iter().filter(|r| r.message.starts_with("(combined")).count(), 3);
        assert_eq!(records.last().unwrap().message, "(combined from similar events): m11");
        assert_eq!(records.last().unwrap().count, 3);
        let later = correlator.observe(&event("p", "m99", 2000)).unwrap();
        assert_eq!((later.count, later.message.as_str()), (1, "m99"));
    }

    #[test]
    fn an_object_with_too_many_events_is_silenced_alone() {
        let mut correlator = Correlator::default();
        let sent = (0..100).filter_map(|n| correlator.observe(&event("p", "x", 100 + n))).count();
        assert_eq!(sent, 25);
        assert!(correlator.observe(&event("q", "x", 200)).is_some());
        assert!(correlator.observe(&event("p", "x", 600)).is_some());
        assert!(correlator.observe(&event("p", "x", 600)).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let mut correlator = Correlator::default();
        for n in 0..20_000 {
            correlator.observe(&event(&format!("p{n}"), "x", n));
        }
        assert!(correlator.counted.len() <= CACHE && correlator.groups.len() <= CACHE);
        assert!(correlator.buckets.len() <= CACHE);
    }
}
