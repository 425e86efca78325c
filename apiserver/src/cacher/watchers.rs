use std::collections::HashMap;
use std::sync::Arc;

use corvette_store::Revision;
use tokio::sync::mpsc;

use super::entry::NODE_NAME;
use super::event::{Change, WatchEvent};
use super::filter::{Scope, WatchFilter};

/// Events a watch may be behind before it is detached and catches up by itself.
pub(super) const QUEUE_CAPACITY: usize = 256;

/// Someone who watches, as the feed sees it.
#[derive(Debug)]
struct Watcher {
    id: u64,
    filter: Arc<WatchFilter>,
    /// It has these already.
    after: Revision,
    queue: mpsc::Sender<WatchEvent>,
}

impl Watcher {
    /// Hands over a change if it is wanted; `false` when the watcher is to be forgotten.
    fn offer(&self, change: &Arc<Change>) -> bool {
        if change.revision() <= self.after {
            return true;
        }
        match self.filter.classify(change) {
            Some(kind) => self.queue.try_send(WatchEvent::change(kind, change.clone())).is_ok(),
            None => true,
        }
    }
}

/// The watchers of a resource, found by what they look at.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    next: u64,
    everything: Vec<Watcher>,
    namespaces: HashMap<String, Vec<Watcher>>,
    objects: HashMap<String, Vec<Watcher>>,
    nodes: HashMap<String, Vec<Watcher>>,
}

impl Watchers {
    /// Adds a watcher of the changes after `after`; returns what identifies it, and its queue.
    pub(super) fn add(&mut self, filter: Arc<WatchFilter>, after: Revision) -> (u64, mpsc::Receiver<WatchEvent>) {
        let (queue, events) = mpsc::channel(QUEUE_CAPACITY);
        let id = self.next;
        self.next += 1;
        let group = match filter.scope() {
            Scope::Everything => &mut self.everything,
            Scope::Namespace(namespace) => self.namespaces.entry(namespace).or_default(),
            Scope::Object(object) => self.objects.entry(object).or_default(),
            Scope::Node(node) => self.nodes.entry(node).or_default(),
        };
        group.push(Watcher { id, filter, after, queue });
        (id, events)
    }

    /// Removes a watcher, which may be gone already.
    pub(super) fn remove(&mut self, id: u64, scope: &Scope) {
        match scope {
            Scope::Everything => self.everything.retain(|watcher| watcher.id != id),
            Scope::Namespace(namespace) => prune(&mut self.namespaces, namespace, |watcher| watcher.id != id),
            Scope::Object(object) => prune(&mut self.objects, object, |watcher| watcher.id != id),
            Scope::Node(node) => prune(&mut self.nodes, node, |watcher| watcher.id != id),
        }
    }

    /// Hands a change to those who may want it. Waits for nobody: who has no room is detached.
    pub(super) fn dispatch(&mut self, change: &Arc<Change>) {
        let offer = |watcher: &Watcher| watcher.offer(change);
        self.everything.retain(offer);
        let entry = &change.entry;
        if !self.namespaces.is_empty() {
            prune(&mut self.namespaces, entry.namespace(), offer);
        }
        if !self.objects.is_empty() {
            prune(&mut self.objects, entry.path(), offer);
        }
        if !self.nodes.is_empty() {
            let node = entry.field(NODE_NAME);
            let before =
                change.previous.as_ref().map(|previous| previous.field(NODE_NAME)).filter(|before| node != *before);
            for node in std::iter::once(node).chain(before) {
                prune(&mut self.nodes, node, offer);
            }
        }
    }

    /// Forgets all watchers; their queues end.
    pub(super) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        let indexed = [&self.namespaces, &self.objects, &self.nodes].map(|index| index.values().map(Vec::len).sum());
        self.everything.len() + indexed.iter().sum::<usize>()
    }
}

fn prune(index: &mut HashMap<String, Vec<Watcher>>, key: &str, keep: impl FnMut(&Watcher) -> bool) {
    if let Some(watchers) = index.get_mut(key) {
        watchers.retain(keep);
        if watchers.is_empty() {
            index.remove(key);
        }
    }
}
