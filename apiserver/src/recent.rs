//! Objects as they were written a moment ago.
//!
//! What changes an object often changes it again soon: a pod that starts gets its status in steps, a lease is renewed. The
//! next change finds here, already parsed, what this one left.

use std::collections::VecDeque;

use corvette_store::Revision;
use parking_lot::Mutex;
use serde_json::Value;

/// Most objects kept; the oldest go first.
const MOST: usize = 64;
/// Most bytes of JSON kept; parsed, an object takes some five times as much.
const BYTES: usize = 512 * 1024;

/// The objects. The revision of a write names its object and its state.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    objects: VecDeque<(Revision, Value, usize)>,
    bytes: usize,
}

impl Recent {
    /// Keeps what was written at a revision; `bytes` is the length of its JSON.
    pub fn put(&self, revision: Revision, object: Value, bytes: usize) {
        let mut gone = Vec::new();
        let mut kept = self.0.lock();
        kept.objects.push_back((revision, object, bytes));
        kept.bytes += bytes;
        while kept.objects.len() > MOST || kept.bytes > BYTES {
            let Some(oldest) = kept.objects.pop_front() else { break };
            kept.bytes -= oldest.2;
            gone.push(oldest);
        }
        // Dropping an object takes longer than all the rest.
        drop(kept);
    }

    /// Gives out what was written at a revision, once: whoever changes it leaves the next.
    pub fn take(&self, revision: Revision) -> Option<Value> {
        let mut kept = self.0.lock();
        let at = kept.objects.iter().rposition(|(at, ..)| *at == revision)?;
        let (_, object, bytes) = kept.objects.remove(at)?;
        kept.bytes -= bytes;
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_given_out_once() {
        let recent = Recent::default();
        for at in 1..=MOST as u64 + 1 {
            recent.put(Revision(at), at.into(), 10);
        }
        assert_eq!(recent.take(Revision(1)), None, "the oldest made room");
        assert_eq!(recent.take(Revision(2)), Some(2.into()));
        assert_eq!(recent.take(Revision(2)), None);
    }

    #[test]
    fn large_objects_are_fewer() {
        let recent = Recent::default();
        recent.put(Revision(1), 1.into(), BYTES);
        recent.put(Revision(2), 2.into(), 1);
        assert_eq!((recent.take(Revision(1)), recent.take(Revision(2))), (None, Some(2.into())));
        recent.put(Revision(3), 3.into(), BYTES + 1);
        assert_eq!(recent.take(Revision(3)), None);
        recent.put(Revision(4), 4.into(), BYTES);
        assert_eq!(recent.take(Revision(4)), Some(4.into()), "nothing of the others is left");
    }
}
