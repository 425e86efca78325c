use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::backoff::Backoff;
use corvette_store::{Revision, Watch, WatchBatch};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};

use super::cache::{ROOT, Routes, Shared};
use super::error::{Error, Result};
use super::load;
use super::resource::ResourceCache;
use super::spec::ResourceSpec;

/// What the feed is asked for; it alone changes the set of resources.
pub(super) enum Command {
    Add { spec: Arc<ResourceSpec>, reply: oneshot::Sender<Result<Arc<ResourceCache>>> },
    Remove { prefix: Arc<str>, reply: oneshot::Sender<()> },
}

enum Woken {
    Batch(Option<std::result::Result<WatchBatch, corvette_store::Error>>),
    Command(Command),
    Round,
}

/// How often old history is forgotten.
const ROUND: Duration = Duration::from_secs(15);

/// Follows the store and feeds the resources, until the cache is dropped.
pub(super) async fn run(shared: Arc<Shared>, mut source: Watch, mut commands: mpsc::Receiver<Command>) {
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        let woken = tokio::select! {
            batch = source.next() => Woken::Batch(batch),
            Some(command) = commands.recv() => Woken::Command(command),
            _ = rounds.tick() => Woken::Round,
        };
        match woken {
            Woken::Batch(Some(Ok(batch))) => {
                if take(&shared, batch).await.is_err() {
                    return;
                }
            }
            Woken::Batch(Some(Err(error))) => {
                tracing::warn!(%error, revision = %revision(&shared), "lost the watch on the store");
                source = resume(&shared).await;
            }
            Woken::Batch(None) => source = resume(&shared).await,
            Woken::Command(Command::Add { spec, reply }) => {
                // Who asked may have stopped waiting; the resource is there for the next.
                reply.send(add(&shared, spec).await).ok();
            }
            Woken::Command(Command::Remove { prefix, reply }) => {
                remove(&shared, &prefix);
                reply.send(()).ok();
            }
            Woken::Round => shared.routes.load().values().for_each(|resource| resource.forget_old()),
        }
    }
}

fn revision(shared: &Shared) -> Revision {
    *shared.reached.borrow()
}

async fn take(shared: &Shared, batch: WatchBatch) -> Result<()> {
    if !batch.events.is_empty() {
        for (resource, prepared) in load::prepare(&shared.routes.load_full(), batch.events).await? {
            resource.apply(prepared);
        }
    }
    shared.reached.send_if_modified(|reached| std::mem::replace(reached, batch.revision.max(*reached)) < *reached);
    Ok(())
}

async fn add(shared: &Shared, spec: Arc<ResourceSpec>) -> Result<Arc<ResourceCache>> {
    let routes = shared.routes.load_full();
    if let Some(cache) = routes.get(&spec.prefix) {
        return Ok(cache.clone());
    }
    // The list may be ahead of the feed; the cache then passes over what it has already.
    let listed = load::objects(&shared.store, &spec).await?;
    let prefix = spec.prefix.clone();
    let reached = shared.reached.subscribe();
    let cache = Arc::new(ResourceCache::new(ResourceSpec::clone(&spec), shared.store.clone(), reached, listed));
    let mut routes = Routes::clone(&routes);
    routes.insert(prefix, cache.clone());
    shared.routes.store(Arc::new(routes));
    Ok(cache)
}

fn remove(shared: &Shared, prefix: &str) {
    let mut routes = Routes::clone(&shared.routes.load());
    if let Some(cache) = routes.remove(prefix) {
        cache.close();
        shared.routes.store(Arc::new(routes));
    }
}

/// Watches on from where the feed is; when that is no longer possible, from a new list.
async fn resume(shared: &Shared) -> Watch {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        let result = match shared.store.watch(ROOT, revision(shared)).await {
            Ok(source) => Ok(source),
            Err(corvette_store::Error::Compacted { .. }) => reload(shared).await,
            Err(error) => Err(Error::Store(error)),
        };
        match result {
            Ok(source) => {
                shared.progress.store(Arc::new(source.progress()));
                return source;
            }
            Err(error) => tracing::warn!(%error, "cannot follow the store; trying again"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

async fn reload(shared: &Shared) -> Result<Watch> {
    let routes = shared.routes.load_full();
    tracing::warn!(revision = %revision(shared), "the store has forgotten what came next; loading everything anew");
    let specs: HashMap<_, _> = routes.iter().map(|(prefix, cache)| (prefix.clone(), cache.spec.clone())).collect();
    let (revision, mut objects) = load::all(&shared.store, ROOT, Arc::new(specs)).await?;
    let source = shared.store.watch(ROOT, revision).await?;
    for (prefix, cache) in routes.iter() {
        cache.replace((revision, objects.remove(prefix).unwrap_or_default()));
    }
    shared.reached.send_replace(revision);
    Ok(source)
}
