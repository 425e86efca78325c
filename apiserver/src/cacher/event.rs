use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use corvette_api::protobuf;
use corvette_store::Revision;

use super::entry::Entry;
use super::frame::Frame;
use super::spec::ResourceSpec;

/// What a watch event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// The object exists now, or matches now.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone, or no longer matches.
    Deleted,
    /// All changes up to a revision were sent.
    Bookmark,
}

impl EventType {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of one object, shared by all who watch it.
#[derive(Debug)]
pub struct Change {
    /// The object after it; of a delete its last state with the delete's revision.
    pub entry: Arc<Entry>,
    /// The object before it.
    pub previous: Option<Arc<Entry>>,
    /// Whether the object is gone.
    pub deleted: bool,
    /// [`Change::previous`] with the change's revision, for those whose filter it no longer matches.
    departed: OnceLock<Arc<Entry>>,
    /// The line for those whose filter a changed object comes to match.
    added: OnceLock<Bytes>,
    /// Frames in protobuf: added, modified, deleted. `None` in it: the object has no message.
    messages: [OnceLock<Option<Bytes>>; 3],
}

impl Change {
    pub(super) fn new(entry: Arc<Entry>, previous: Option<Arc<Entry>>, deleted: bool) -> Self {
        Self {
            entry,
            previous,
            deleted,
            departed: OnceLock::new(),
            added: OnceLock::new(),
            messages: Default::default(),
        }
    }

    /// Returns the revision of the change.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.entry.revision
    }

    /// Returns the object as an event of this type shows it.
    fn shown(&self, kind: EventType) -> &Arc<Entry> {
        match (&self.previous, kind) {
            (Some(previous), EventType::Deleted) if !self.deleted => {
                self.departed.get_or_init(|| Arc::new(previous.at(self.revision())))
            }
            _ => &self.entry,
        }
    }

    fn frame(&self, kind: EventType) -> Bytes {
        match kind {
            EventType::Added if self.previous.is_some() => {
                self.added.get_or_init(|| self.entry.frame(EventType::Added)).clone()
            }
            _ => self.shown(kind).frame(kind),
        }
    }

    fn message(&self, kind: EventType) -> Option<Bytes> {
        let [added, modified, removed] = &self.messages;
        let message = match kind {
            EventType::Added => added,
            EventType::Modified | EventType::Bookmark => modified,
            EventType::Deleted => removed,
        };
        message.get_or_init(|| message_of(kind, &self.shown(kind).json())).clone()
    }
}

/// Encodes an event in protobuf; `None` when the object has no message.
fn message_of(kind: EventType, json: &[u8]) -> Option<Bytes> {
    let object = serde_json::from_slice(json).ok()?;
    let object = protobuf::encode(&object).ok()?;
    Some(protobuf::frame(kind.as_str(), &object).into())
}

/// What a watch gives out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WatchEvent {
    kind: EventType,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Change(Arc<Change>),
    /// An object that was there when the watch began.
    Initial(Arc<Entry>),
    Bookmark(Bookmark),
}

#[derive(Debug, Clone)]
struct Bookmark {
    spec: Arc<ResourceSpec>,
    revision: Revision,
    initial_events_end: bool,
}

impl WatchEvent {
    pub(super) fn change(kind: EventType, change: Arc<Change>) -> Self {
        Self { kind, source: Source::Change(change) }
    }

    pub(super) fn initial(entry: Arc<Entry>) -> Self {
        Self { kind: EventType::Added, source: Source::Initial(entry) }
    }

    pub(super) fn bookmark(spec: Arc<ResourceSpec>, revision: Revision, initial_events_end: bool) -> Self {
        Self { kind: EventType::Bookmark, source: Source::Bookmark(Bookmark { spec, revision, initial_events_end }) }
    }

    /// Returns the event's type, which depends on the watch's filter.
    #[must_use]
    pub fn kind(&self) -> EventType {
        self.kind
    }

    /// Returns the resourceVersion of the object in the event.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match &self.source {
            Source::Change(change) => change.revision(),
            Source::Initial(entry) => entry.revision,
            Source::Bookmark(bookmark) => bookmark.revision,
        }
    }

    /// Returns the object as the event shows it; a bookmark has none.
    #[must_use]
    pub fn entry(&self) -> Option<&Arc<Entry>> {
        match &self.source {
            Source::Change(change) => Some(change.shown(self.kind)),
            Source::Initial(entry) => Some(entry),
            Source::Bookmark(_) => None,
        }
    }

    /// Returns the object before the change.
    #[must_use]
    pub fn previous(&self) -> Option<&Arc<Entry>> {
        match &self.source {
            Source::Change(change) => change.previous.as_ref(),
            Source::Initial(_) | Source::Bookmark(_) => None,
        }
    }

    /// Tells whether this is the bookmark that ends the initial events of a streamed list.
    #[must_use]
    pub fn is_initial_events_end(&self) -> bool {
        matches!(&self.source, Source::Bookmark(bookmark) if bookmark.initial_events_end)
    }

    /// Returns the event as a line of JSON, in the storage version. Changes are encoded once for all watches.
    #[must_use]
    pub fn frame(&self) -> Bytes {
        match &self.source {
            Source::Change(change) => change.frame(self.kind),
            Source::Initial(entry) => entry.frame(self.kind),
            Source::Bookmark(bookmark) => {
                Frame::new(EventType::Bookmark, bookmark.json().as_bytes()).shown_as(EventType::Bookmark)
            }
        }
    }

    /// Returns the event as a frame in protobuf, in the storage version; `None` when the object has no message. Changes are
    /// encoded once for all watches.
    #[must_use]
    pub fn message(&self) -> Option<Bytes> {
        match &self.source {
            Source::Change(change) => change.message(self.kind),
            Source::Initial(entry) => message_of(self.kind, &entry.json()),
            Source::Bookmark(bookmark) => message_of(EventType::Bookmark, bookmark.json().as_bytes()),
        }
    }
}

impl Bookmark {
    fn json(&self) -> String {
        let ResourceSpec { api_version, kind, .. } = &*self.spec;
        let annotations =
            if self.initial_events_end { ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" } else { "" };
        format!(
            "{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{{\"resourceVersion\":\"{}\",\
             \"creationTimestamp\":null{annotations}}}}}",
            self.revision
        )
    }
}
