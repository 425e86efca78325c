use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use corvette_component::tasks::Tasks;
use corvette_store::{Progress, Revision, Store};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::error::{Error, Result};
use super::feed::{self, Command};
use super::flight::Flight;
use super::load;
use super::resource::ResourceCache;
use super::spec::ResourceSpec;

/// All keys of the cluster start so.
pub(super) const ROOT: &str = "/registry/";
/// How long to wait for the feed before the store is asked for progress, and between further requests.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);
/// Resources that may wait to be added; who adds more waits.
const COMMAND_CAPACITY: usize = 16;

/// The resources' caches by the prefix of their keys.
pub(super) type Routes = HashMap<Arc<str>, Arc<ResourceCache>>;

/// The cache of all resources. Clones are the same cache.
#[derive(Clone)]
pub struct Cacher {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub store: Arc<dyn Store>,
    pub routes: ArcSwap<Routes>,
    /// All changes up to here are in every resource's objects and were handed to every watcher.
    pub reached: watch::Sender<Revision>,
    /// Asks the store's watch how far it is; replaced with the watch.
    pub progress: ArcSwap<Progress>,
    commands: mpsc::Sender<Command>,
    flight: Flight<Revision>,
}

impl Cacher {
    /// Loads all objects of `resources` at one revision and follows the store from there.
    ///
    /// # Errors
    /// What the store's list or watch says.
    pub async fn start(store: Arc<dyn Store>, resources: Vec<ResourceSpec>, tasks: &Tasks) -> Result<Self> {
        let specs: HashMap<_, _> = resources.into_iter().map(|spec| (spec.prefix.clone(), Arc::new(spec))).collect();
        let specs = Arc::new(specs);
        let (revision, mut objects) = load::all(&store, ROOT, specs.clone()).await?;
        let source = store.watch(ROOT, revision).await?;
        let (reached, receiver) = watch::channel(revision);
        let routes = specs
            .iter()
            .map(|(prefix, spec)| {
                let listed = (revision, objects.remove(prefix).unwrap_or_default());
                let cache = ResourceCache::new(ResourceSpec::clone(spec), store.clone(), receiver.clone(), listed);
                (prefix.clone(), Arc::new(cache))
            })
            .collect();
        let (commands, queue) = mpsc::channel(COMMAND_CAPACITY);
        let shared = Arc::new(Shared {
            store,
            routes: ArcSwap::from_pointee(routes),
            reached,
            progress: ArcSwap::from_pointee(source.progress()),
            commands,
            flight: Flight::new(),
        });
        tasks.spawn_until_cancelled("watch-cache", feed::run(shared.clone(), source, queue));
        Ok(Self { shared })
    }

    /// Returns the cache of a resource by the prefix of its keys.
    #[must_use]
    pub fn resource(&self, prefix: &str) -> Option<Arc<ResourceCache>> {
        self.shared.routes.load().get(prefix).cloned()
    }

    /// Adds a resource (or gives the one there is) and waits until its objects are loaded.
    ///
    /// # Errors
    /// What the store's list says; [`Error::Closed`].
    pub async fn add(&self, spec: ResourceSpec) -> Result<Arc<ResourceCache>> {
        let (reply, added) = oneshot::channel();
        let command = Command::Add { spec: Arc::new(spec), reply };
        self.shared.commands.send(command).await.map_err(|_| Error::Closed)?;
        added.await.map_err(|_| Error::Closed)?
    }

    /// Removes a resource; its watches end.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn remove(&self, prefix: &str) -> Result<()> {
        let (reply, removed) = oneshot::channel();
        let command = Command::Remove { prefix: prefix.into(), reply };
        self.shared.commands.send(command).await.map_err(|_| Error::Closed)?;
        removed.await.map_err(|_| Error::Closed)
    }

    /// Returns the cache's revision: everything up to it is seen by who reads now.
    #[must_use]
    pub fn revision(&self) -> Revision {
        *self.shared.reached.borrow()
    }

    /// Returns the store's revision: no write acknowledged before the call is later. Concurrent calls share a read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn current(&self) -> Result<Revision> {
        Ok(self.shared.flight.join(self.shared.store.current_revision()).await?)
    }

    /// Waits until the cache has reached a revision.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it has not at the deadline.
    pub async fn wait_until(&self, revision: Revision, deadline: Instant) -> Result<()> {
        if self.revision() >= revision {
            return Ok(());
        }
        let mut reached = self.shared.reached.subscribe();
        loop {
            let soon = deadline.min(Instant::now() + PROGRESS_PERIOD);
            match timeout_at(soon, reached.wait_for(|reached| *reached >= revision)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(_)) => return Err(Error::Closed),
                Err(_) if soon == deadline => {
                    return Err(Error::TooLarge { requested: revision, current: self.revision() });
                }
                // Keys that are not ours may have moved the store on, of which it tells only when asked.
                Err(_) => self.shared.progress.load().request(),
            }
        }
    }

    /// Waits until reads see every write that was acknowledged before the call.
    ///
    /// # Errors
    /// As [`Cacher::current`] and [`Cacher::wait_until`].
    pub async fn consistent(&self, deadline: Instant) -> Result<Revision> {
        let revision = match timeout_at(deadline, self.current()).await {
            Ok(revision) => revision?,
            Err(_) => return Err(corvette_store::Error::Timeout { operation: "reading the revision" }.into()),
        };
        self.wait_until(revision, deadline).await?;
        Ok(revision)
    }
}
