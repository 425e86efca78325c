//! Config maps and secrets that pods of this node refer to: fetched when needed, watched to learn of changes.
//!
//! Only objects that are referred to are ever read or watched, one by one, since a node may read no others.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::CancellationToken;
use corvette_component::tasks::Tasks;
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

/// Deadline of one fetch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Kind of an object that pods refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// ConfigMap.
    ConfigMap,
    /// Secret.
    Secret,
}

/// An object that a pod refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Kind.
    pub kind: Kind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A fetch that failed for another reason than that there is no such object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API refused or could not be reached.
    #[error("{0}")]
    Api(#[source] Box<kube::Error>),
    /// No answer in time.
    #[error("timed out waiting for the API server")]
    Timeout,
}

struct Watched {
    /// Uids of the pods that refer to it.
    by: BTreeSet<String>,
    stop: CancellationToken,
}

type OnChange = dyn Fn(&str) + Send + Sync;

struct Inner {
    client: Client,
    tasks: Tasks,
    watched: Mutex<HashMap<Reference, Watched>>,
    on_change: Box<OnChange>,
}

/// Fetches and watches referenced objects. Clones share the same state.
#[derive(Clone)]
pub struct Objects(Arc<Inner>);

impl Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("watched", &self.0.watched.lock().len()).finish_non_exhaustive()
    }
}

impl Objects {
    /// Makes it. `on_change` is told the uid of each pod that refers to an object that changed.
    pub fn new(client: Client, tasks: &Tasks, on_change: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            client,
            tasks: tasks.child("objects"),
            watched: Mutex::default(),
            on_change: Box::new(on_change),
        }))
    }

    /// Fetches a config map; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<Arc<ConfigMap>>, Error> {
        self.fetch(namespace, name).await
    }

    /// Fetches a secret; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Arc<Secret>>, Error> {
        self.fetch(namespace, name).await
    }

    async fn fetch<K>(&self, namespace: &str, name: &str) -> Result<Option<Arc<K>>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        if name.is_empty() {
            return Ok(None);
        }
        let api: Api<K> = Api::namespaced(self.0.client.clone(), namespace);
        match tokio::time::timeout(TIMEOUT, api.get_opt(name)).await {
            Ok(found) => Ok(found.map_err(|error| Error::Api(Box::new(error)))?.map(Arc::new)),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Sets what a pod refers to; an empty set forgets the pod.
    pub fn track(&self, uid: &str, references: &BTreeSet<Reference>) {
        let mut watched = self.0.watched.lock();
        watched.retain(|reference, entry| {
            if !references.contains(reference) {
                entry.by.remove(uid);
            }
            if entry.by.is_empty() {
                entry.stop.cancel();
            }
            !entry.by.is_empty()
        });
        for reference in references {
            let entry = watched.entry(reference.clone()).or_insert_with(|| {
                let stop = self.0.tasks.token().child_token();
                self.watch(reference.clone(), stop.clone());
                Watched { by: BTreeSet::new(), stop }
            });
            entry.by.insert(uid.to_owned());
        }
    }

    fn watch(&self, reference: Reference, stop: CancellationToken) {
        let this = self.clone();
        let name = format!("watch {}/{}", reference.namespace, reference.name);
        self.0.tasks.spawn(name, async move {
            let follow = async {
                match reference.kind {
                    Kind::ConfigMap => this.follow::<ConfigMap>(&reference).await,
                    Kind::Secret => this.follow::<Secret>(&reference).await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = follow => {}
            }
        });
    }

    async fn follow<K>(&self, reference: &Reference)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let api: Api<K> = Api::namespaced(self.0.client.clone(), &reference.namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={}", reference.name));
        let mut events = std::pin::pin!(watcher(api, config).default_backoff());
        // What the first list shows is what the pod was made from.
        let mut listed = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::InitDone) if !listed => listed = true,
                Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => {
                    self.notify(reference);
                }
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Err(error) => tracing::debug!(name = reference.name, %error, "watch of a referenced object failed"),
            }
        }
    }

    fn notify(&self, reference: &Reference) {
        let pods: Vec<String> = {
            let watched = self.0.watched.lock();
            watched.get(reference).map(|entry| entry.by.iter().cloned().collect()).unwrap_or_default()
        };
        for uid in pods {
            (self.0.on_change)(&uid);
        }
    }
}
