use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwap;
use corvette_store::{EventKind, Revision, Store};
use imbl::OrdMap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::entry::Entry;
use super::event::{Change, WatchEvent};
use super::filter::{Scope, WatchFilter};
use super::history::{History, Limits};
use super::spec::ResourceSpec;
use super::watch::{Watch, WatchOptions};
use super::watchers::Watchers;

/// The objects of a resource by key.
pub(super) type Objects = OrdMap<Arc<str>, Arc<Entry>>;

/// A resource at one revision; taking one costs nothing, holding one blocks nobody.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// All changes up to here are in, no later one is.
    pub revision: Revision,
    objects: Objects,
}

impl Snapshot {
    /// Returns an object by its key in the store.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.objects.get(key)
    }

    /// Iterates over the objects whose keys start with `prefix`, after the key `after`, in order of keys.
    pub fn range<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Entry>> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = self.objects.range::<_, str>((start, Bound::Unbounded));
        range.map(|(_, entry)| entry).take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// Iterates over all objects in order of keys.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.objects.values()
    }

    /// Returns how many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// A change read from the store, before it is known what it changed.
pub(super) struct Prepared {
    pub kind: EventKind,
    pub entry: Entry,
}

/// The cache of one resource.
pub struct ResourceCache {
    pub(super) spec: Arc<ResourceSpec>,
    pub(super) store: Arc<dyn Store>,
    /// The revision of the whole cache.
    reached: watch::Receiver<Revision>,
    /// The objects, with the revision of their last change (or of their list).
    view: ArcSwap<(Revision, Objects)>,
    live: Mutex<Live>,
}

struct Live {
    history: History,
    /// All changes up to here were handed to the watchers.
    dispatched: Revision,
    watchers: Watchers,
    closed: bool,
}

/// What became of the wish to watch.
pub(super) enum Attached {
    /// What happened since, and what happens from now on.
    Live { replay: Vec<WatchEvent>, subscription: Subscription },
    /// The history does not reach back so far.
    Behind,
    /// The resource is no longer served.
    Closed,
}

/// A place among the watchers, left when dropped.
pub(super) struct Subscription {
    pub events: mpsc::Receiver<WatchEvent>,
    id: u64,
    scope: Scope,
    resource: Arc<ResourceCache>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.resource.live.lock().watchers.remove(self.id, &self.scope);
    }
}

impl ResourceCache {
    pub(super) fn new(
        spec: ResourceSpec,
        store: Arc<dyn Store>,
        reached: watch::Receiver<Revision>,
        listed: (Revision, Objects),
    ) -> Self {
        let revision = listed.0;
        let history = History::new(revision, Limits::default());
        let live = Live { history, dispatched: revision, watchers: Watchers::default(), closed: false };
        Self { spec: Arc::new(spec), store, reached, view: ArcSwap::from_pointee(listed), live: Mutex::new(live) }
    }

    /// Returns what the cache knows of the resource.
    #[must_use]
    pub fn spec(&self) -> &ResourceSpec {
        &self.spec
    }

    /// Returns an object as the cache has it now; the namespace is empty for an object of the whole cluster.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Entry>> {
        let prefix = &self.spec.prefix;
        let key = if namespace.is_empty() { format!("{prefix}{name}") } else { format!("{prefix}{namespace}/{name}") };
        self.view.load().1.get(key.as_str()).cloned()
    }

    /// Returns all objects as the cache has them now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // Read before the view: the feed moves it on after it has put all changes into the views.
        let reached = *self.reached.borrow();
        let view = self.view.load();
        Snapshot { revision: reached.max(view.0), objects: view.1.clone() }
    }

    /// Returns the revision up to which all changes were handed to the watchers.
    pub(super) fn reached(&self) -> Revision {
        *self.reached.borrow()
    }

    /// Returns how many watches are attached.
    #[must_use]
    pub fn watcher_count(&self) -> usize {
        self.live.lock().watchers.len()
    }

    /// Begins a watch. It costs the feed nothing until it is polled.
    #[must_use]
    pub fn watch(self: &Arc<Self>, filter: WatchFilter, options: WatchOptions) -> Watch {
        Watch::new(self.clone(), filter, options)
    }

    /// Takes a place among the watchers, for the changes after `after`.
    pub(super) fn attach(self: &Arc<Self>, filter: &Arc<WatchFilter>, after: Revision) -> Attached {
        let mut live = self.live.lock();
        if live.closed {
            return Attached::Closed;
        }
        let Some(changes) = live.history.after(after) else { return Attached::Behind };
        let wanted = |change: &Arc<Change>| {
            let kind = filter.classify(change)?;
            Some(WatchEvent::change(kind, change.clone()))
        };
        let replay = changes.filter_map(wanted).collect();
        let after = after.max(live.dispatched);
        let (id, events) = live.watchers.add(filter.clone(), after);
        drop(live);
        let subscription = Subscription { events, id, scope: filter.scope(), resource: self.clone() };
        Attached::Live { replay, subscription }
    }

    /// Tells whether a watch after `after` can be served from the history.
    pub(super) fn remembers(&self, after: Revision) -> bool {
        after >= self.live.lock().history.from()
    }

    /// Puts changes in. Only the feed calls this.
    pub(super) fn apply(&self, prepared: Vec<Prepared>) {
        let view = self.view.load_full();
        let (mut last, mut objects) = (view.0, view.1.clone());
        let listed = last;
        let mut changes = Vec::with_capacity(prepared.len());
        for Prepared { kind, entry } in prepared {
            // A list that came later than the watch began has these.
            if entry.revision <= listed {
                continue;
            }
            last = last.max(entry.revision);
            let (key, entry) = (entry.key.clone(), Arc::new(entry));
            let deleted = kind == EventKind::Delete;
            let previous = if deleted { objects.remove(&key) } else { objects.insert(key, entry.clone()) };
            if deleted && previous.is_none() {
                continue;
            }
            changes.push(Arc::new(Change::new(entry, previous, deleted)));
        }
        self.view.store(Arc::new((last, objects)));
        let mut live = self.live.lock();
        live.dispatched = last;
        for change in changes {
            live.watchers.dispatch(&change);
            live.history.push(change);
        }
    }

    /// Forgets what is old of the history. Only the feed calls this, now and then.
    pub(super) fn forget_old(&self) {
        self.live.lock().history.forget_old();
    }

    /// Puts a new list in the place of all objects: what happened between is not known, so watches end with 410.
    pub(super) fn replace(&self, listed: (Revision, Objects)) {
        let revision = listed.0;
        self.view.store(Arc::new(listed));
        let mut live = self.live.lock();
        live.history = History::new(revision, Limits::default());
        live.dispatched = revision;
        live.watchers.clear();
    }

    /// Ends all watches: the resource is no longer served.
    pub(super) fn close(&self) {
        let mut live = self.live.lock();
        live.closed = true;
        live.watchers.clear();
    }
}
