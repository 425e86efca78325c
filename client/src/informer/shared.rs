//! One informer: its cache, its handlers, and the stream that feeds them.

use std::fmt;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use kube::runtime::watcher;
use kube::{Resource, ResourceExt as _};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::cache::Cache;
use crate::NamespacedName;

/// What happened to one object.
#[derive(Debug)]
pub enum Change<K> {
    /// It is new, or was there when the informer started.
    Added(Arc<K>),
    /// It was changed, or deleted and created again between two looks.
    Updated {
        /// As it was before.
        old: Arc<K>,
        /// As it is now.
        new: Arc<K>,
    },
    /// It is gone; the last version that was seen.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// Returns the newest version known.
    #[must_use]
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Added(object) | Self::Deleted(object) => object,
            Self::Updated { new, .. } => new,
        }
    }
}

impl<K> Clone for Change<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Added(object) => Self::Added(object.clone()),
            Self::Updated { old, new } => Self::Updated { old: old.clone(), new: new.clone() },
            Self::Deleted(object) => Self::Deleted(object.clone()),
        }
    }
}

type Handler<K> = Arc<dyn Fn(&Change<K>) + Send + Sync>;

/// A cache of all objects of a kind (or of those selected) that follows the API server. Clones share it.
pub struct Informer<K>(Arc<Inner<K>>);

struct Inner<K> {
    cache: RwLock<Cache<K>>,
    /// Held while handlers run, so that they see changes in order. Locked before `cache`, never after.
    handlers: Mutex<Vec<Handler<K>>>,
    synced: watch::Sender<bool>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> fmt::Debug for Informer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Informer").field("synced", &*self.0.synced.borrow()).finish_non_exhaustive()
    }
}

impl<K: Resource + Send + Sync + 'static> Informer<K> {
    /// Makes an empty informer, to be fed by [`Self::follow`].
    #[must_use]
    pub fn detached() -> Self {
        let synced = watch::Sender::new(false);
        Self(Arc::new(Inner { cache: RwLock::new(Cache::new()), handlers: Mutex::default(), synced }))
    }

    /// Adds an index by the values that `values` names for an object; a second one of the same name is ignored.
    pub fn index(&self, name: &'static str, values: impl Fn(&K) -> Vec<String> + Send + Sync + 'static) -> &Self {
        self.0.cache.write().index(name, Arc::new(values));
        self
    }

    /// Calls `handler` for every change, first for what is cached already. It must be quick and must not add handlers.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + Sync + 'static) {
        let mut handlers = self.0.handlers.lock();
        let cached = self.0.cache.read().list();
        for object in cached {
            handler(&Change::Added(object));
        }
        handlers.push(Arc::new(handler));
    }

    /// Returns one object.
    #[must_use]
    pub fn get(&self, key: &NamespacedName) -> Option<Arc<K>> {
        self.0.cache.read().get(&key.namespace, &key.name)
    }

    /// Returns all objects; by namespace unordered, by name in order.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<K>> {
        self.0.cache.read().list()
    }

    /// Returns the objects of a namespace in the order of their names.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.0.cache.read().in_namespace(namespace)
    }

    /// Returns the objects that an index holds under `value`, in the order of their names; nothing for an unknown index.
    #[must_use]
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        self.0.cache.read().by_index(name, value)
    }

    /// Returns how many objects are cached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.cache.read().len()
    }

    /// Says whether nothing is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says whether the first complete list has been delivered.
    #[must_use]
    pub fn has_synced(&self) -> bool {
        *self.0.synced.borrow()
    }

    /// Waits until the first complete list has been delivered to cache and handlers. Cancel safe.
    pub async fn synced(&self) {
        let mut synced = self.0.synced.subscribe();
        synced.wait_for(|synced| *synced).await.expect("the informer holds the sender");
    }

    /// Feeds the informer from `events` until they end. Errors are logged; the stream itself retries with back-off.
    pub async fn follow(&self, events: impl Stream<Item = watcher::Result<watcher::Event<K>>>) {
        let mut events = std::pin::pin!(events);
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.deliver(event.modify(|object| object.managed_fields_mut().clear()), &mut listed),
                Err(error) => tracing::warn!(kind = std::any::type_name::<K>(), %error, "watch failed; trying again"),
            }
        }
    }

    fn deliver(&self, event: watcher::Event<K>, listed: &mut Vec<K>) {
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => listed.push(object),
            watcher::Event::InitDone => {
                let objects = std::mem::take(listed);
                self.change(|cache| cache.replace(objects));
                self.0.synced.send_replace(true);
            }
            watcher::Event::Apply(object) => self.change(|cache| cache.apply(object)),
            watcher::Event::Delete(object) => self.change(|cache| cache.delete(&object)),
        }
    }

    fn change<C: IntoIterator<Item = Change<K>>>(&self, edit: impl FnOnce(&mut Cache<K>) -> C) {
        let handlers = self.0.handlers.lock();
        let changes = edit(&mut self.0.cache.write());
        for change in changes {
            for handler in handlers.iter() {
                handler(&change);
            }
        }
    }
}
