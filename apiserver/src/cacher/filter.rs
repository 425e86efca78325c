use corvette_api::{fields, labels};

use super::entry::{Entry, NODE_NAME};
use super::event::{Change, EventType};

/// Which objects of a resource someone wants to see.
#[derive(Debug, Clone, Default)]
pub struct WatchFilter {
    /// Only objects of this namespace.
    pub namespace: Option<String>,
    /// Only the object with this name.
    pub name: Option<String>,
    /// Only objects with such labels.
    pub labels: Option<labels::Selector>,
    /// Only objects with such fields.
    pub fields: Option<fields::Selector>,
}

/// The least part of a resource's objects that a filter looks at, by which its watch is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Everything,
    Namespace(String),
    /// A key, without the resource's prefix.
    Object(String),
    /// The value of [`NODE_NAME`].
    Node(String),
}

impl WatchFilter {
    /// Tells whether an object is wanted.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| entry.namespace() == namespace)
            && self.name.as_deref().is_none_or(|name| entry.name() == name)
            && self.labels.as_ref().is_none_or(|labels| labels.matches(&entry.labels))
            && self.fields.as_ref().is_none_or(|fields| fields.matches(|field| Some(entry.field(field))))
    }

    /// Says what a change is to who watches with this filter: an object that comes to match is added, one that no
    /// longer matches is deleted.
    /// (Upstream: staging/src/k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go: convertToWatchEvent @ v1.36.)
    #[must_use]
    pub fn classify(&self, change: &Change) -> Option<EventType> {
        let was = change.previous.as_ref().is_some_and(|previous| self.matches(previous));
        let is = !change.deleted && self.matches(&change.entry);
        match (was, is) {
            (false, true) => Some(EventType::Added),
            (true, true) => Some(EventType::Modified),
            (true, false) => Some(EventType::Deleted),
            (false, false) => None,
        }
    }

    pub(super) fn scope(&self) -> Scope {
        let exact = |field| self.fields.as_ref().and_then(|fields| fields.requires_exact_match(field));
        if let Some(node) = exact(NODE_NAME) {
            return Scope::Node(node.to_owned());
        }
        let name = self.name.as_deref().or_else(|| exact("metadata.name"));
        let namespace = self.namespace.as_deref().or_else(|| exact("metadata.namespace"));
        match (namespace, name) {
            (Some(namespace), Some(name)) if !namespace.is_empty() => Scope::Object(format!("{namespace}/{name}")),
            (Some(namespace), None) if !namespace.is_empty() => Scope::Namespace(namespace.to_owned()),
            // Without a namespace the name alone is the key only where objects have none.
            _ => Scope::Everything,
        }
    }
}
