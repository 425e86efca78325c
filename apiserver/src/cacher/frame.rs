use bytes::{BufMut, Bytes, BytesMut};
use corvette_store::Revision;

use super::event::EventType;
use crate::splice;

const HEAD: &str = "{\"type\":\"";
const MIDDLE: &str = "\",\"object\":";
const TAIL: &[u8] = b"}\n";

/// An object as a line of a watch. The object alone is a part of it, so that both are kept at the price of one.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    kind: EventType,
    line: Bytes,
}

impl Frame {
    /// Puts encoded JSON into an event.
    pub(super) fn new(kind: EventType, object: &[u8]) -> Self {
        let mut line = open(kind, object.len());
        line.put_slice(object);
        line.put_slice(TAIL);
        Self { kind, line: line.freeze() }
    }

    /// Puts a stored object with its resourceVersion into an event.
    pub(super) fn of_stored(kind: EventType, stored: &[u8], revision: Revision) -> Self {
        let mut line = open(kind, stored.len() + splice::ROOM);
        splice::put_with_resource_version(&mut line, stored, revision.0);
        line.put_slice(TAIL);
        Self { kind, line: line.freeze() }
    }

    /// Returns the object alone.
    pub(super) fn object(&self) -> Bytes {
        self.line.slice(head_len(self.kind)..self.line.len() - TAIL.len())
    }

    /// Returns the line of an event of `kind`; of another than its own it is made anew.
    pub(super) fn shown_as(&self, kind: EventType) -> Bytes {
        if kind == self.kind { self.line.clone() } else { Self::new(kind, &self.object()).line }
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }
}

fn open(kind: EventType, object: usize) -> BytesMut {
    let mut line = BytesMut::with_capacity(head_len(kind) + object + TAIL.len());
    for part in [HEAD, kind.as_str(), MIDDLE] {
        line.put_slice(part.as_bytes());
    }
    line
}

fn head_len(kind: EventType) -> usize {
    HEAD.len() + kind.as_str().len() + MIDDLE.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_a_part_of_the_line() {
        let frame = Frame::of_stored(EventType::Added, br#"{"metadata":{"name":"a"}}"#, Revision(7));
        let object = r#"{"metadata":{"resourceVersion":"7","name":"a"}}"#;
        assert_eq!(frame.object(), object);
        for kind in [EventType::Added, EventType::Modified, EventType::Deleted] {
            let line = format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
            assert_eq!(frame.shown_as(kind), line);
        }
    }
}
