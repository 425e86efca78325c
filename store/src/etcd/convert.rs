//! Between etcd's values and the crate's.

use crate::{Event, EventKind, KeyValue, Revision};

/// Ends the key of the writes that stand in for progress requests (see [`super::watch`]); no caller's key ends so.
pub(super) const BARRIER: char = '\0';

pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or(0))
}

pub(super) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// Converts a key; `None` for a key that is not ours (another prefix, not text, a barrier).
pub(super) fn key_value(kv: etcd_client::KeyValue, prefix: &str) -> Option<KeyValue> {
    let (create_revision, mod_revision) = (revision(kv.create_revision()), revision(kv.mod_revision()));
    let (key, value) = kv.into_key_value();
    let key = own_key(&key, prefix)?.into();
    Some(KeyValue { key, value: value.into(), create_revision, mod_revision })
}

fn own_key<'a>(key: &'a [u8], prefix: &str) -> Option<&'a str> {
    let key = std::str::from_utf8(key).ok()?.strip_prefix(prefix)?;
    (!key.ends_with(BARRIER)).then_some(key)
}

pub(super) fn event(event: &etcd_client::Event, prefix: &str) -> Option<Event> {
    let mut kv = key_value(event.kv()?.clone(), prefix)?;
    let previous = event.prev_kv().and_then(|previous| key_value(previous.clone(), prefix));
    Some(match event.event_type() {
        etcd_client::EventType::Put => {
            Event { kind: EventKind::Put, is_create: kv.create_revision == kv.mod_revision, kv, previous }
        }
        etcd_client::EventType::Delete => {
            if let Some(previous) = &previous {
                kv.value = previous.value.clone();
                kv.create_revision = previous.create_revision;
            }
            Event { kind: EventKind::Delete, is_create: false, kv, previous }
        }
    })
}

/// The end of a range in etcd's terms: a single zero byte is "no end".
pub(super) fn range_end(end: Option<&str>) -> Vec<u8> {
    end.map_or_else(|| vec![0], |end| end.as_bytes().to_vec())
}

/// The start of a range in etcd's terms: it may not be empty.
pub(super) fn range_start(start: &str) -> Vec<u8> {
    if start.is_empty() { vec![0] } else { start.as_bytes().to_vec() }
}
