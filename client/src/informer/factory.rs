//! The informers of a process, made on demand and shared.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use corvette_component::tasks::Tasks;
use futures::future::{BoxFuture, FutureExt as _};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::Informer;

/// Makes informers and starts them together. Clones share them.
#[derive(Clone)]
pub struct Informers(Arc<Inner>);

struct Inner {
    client: Client,
    tasks: Tasks,
    entries: Mutex<HashMap<Key, Entry>>,
}

/// A kind with the selectors of its watch.
type Key = (TypeId, String);

struct Entry {
    name: &'static str,
    informer: Box<dyn Any + Send + Sync>,
    feed: Option<BoxFuture<'static, ()>>,
    synced: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Informers {
    /// Makes an empty set that watches through `client` in tasks of `tasks`.
    #[must_use]
    pub fn new(client: Client, tasks: Tasks) -> Self {
        Self(Arc::new(Inner { client, tasks, entries: Mutex::default() }))
    }

    /// Returns the client that the informers use.
    #[must_use]
    pub fn client(&self) -> Client {
        self.0.client.clone()
    }

    /// Returns the informer of all objects of kind `K`.
    #[must_use]
    pub fn of<K>(&self) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        self.selected(watcher::Config::default())
    }

    /// Returns the informer of the objects of kind `K` that `config` selects.
    #[must_use]
    pub fn selected<K>(&self, config: watcher::Config) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let selectors = format!("{:?} {:?}", config.label_selector, config.field_selector);
        let mut entries = self.0.entries.lock();
        let entry = entries.entry((TypeId::of::<K>(), selectors)).or_insert_with(|| {
            let informer = Informer::<K>::detached();
            let events = watcher(Api::<K>::all(self.0.client.clone()), config).default_backoff();
            let (feeder, waiter) = (informer.clone(), informer.clone());
            Entry {
                name: std::any::type_name::<K>(),
                informer: Box::new(informer),
                feed: Some(async move { feeder.follow(events).await }.boxed()),
                synced: Box::new(move || {
                    let informer = waiter.clone();
                    async move { informer.synced().await }.boxed()
                }),
            }
        });
        entry.informer.downcast_ref::<Informer<K>>().cloned().expect("the key holds the kind's type")
    }

    /// Starts the informers made since the last start. Call it again after making more.
    pub fn start(&self) {
        for entry in self.0.entries.lock().values_mut() {
            if let Some(feed) = entry.feed.take() {
                self.0.tasks.spawn_until_cancelled(format!("informer {}", entry.name), feed);
            }
        }
    }

    /// Waits until every informer made so far has delivered its first complete list. Cancel safe.
    pub async fn synced(&self) {
        let waits: Vec<_> = self.0.entries.lock().values().map(|entry| (entry.synced)()).collect();
        futures::future::join_all(waits).await;
    }
}
