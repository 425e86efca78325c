//! Reads of collections and single objects at the freshness a client asks for, from the watch cache; what the cache no
//! longer has is read from the store.

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use corvette_api::{
    quote::quote,
    status::{self, Reason, Status},
};
use corvette_component::tasks::Tasks;
use corvette_store::{ListOptions, Revision, Store};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    cacher::{Cacher, Entry, Error, Extract, ResourceCache, ResourceSpec, Snapshot},
    objects,
    registry::{Registry, Row, Storage},
    splice,
};

/// Longest wait for the cache to reach a revision (upstream's `blockTimeout`).
const CATCH_UP: Duration = Duration::from_secs(3);
/// Longest wait for the cache to see what was just written here.
const SOON: Duration = Duration::from_millis(100);
/// Snapshots kept for further pages of lists; the oldest goes when one more comes, and pages are then read from the store.
const KEPT_SNAPSHOTS: usize = 128;
/// How long they are kept (upstream compacts after as much).
const KEPT_FOR: Duration = Duration::from_secs(300);

/// An object ready to be sent.
#[derive(Clone, Debug)]
pub struct Item {
    /// Store key.
    pub key: Arc<str>,
    /// Compact JSON of the storage version, with its resourceVersion.
    pub json: Bytes,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Every acknowledged write is seen.
    Latest,
    /// Whatever is at hand.
    Any,
    /// Not older than the revision.
    NotOlderThan(Revision),
    /// The state at the revision.
    Exactly(Revision),
}

impl At {
    /// Reads the `resourceVersion` of a get.
    ///
    /// # Errors
    /// As [`parse_revision`].
    pub fn of_get(version: &str) -> Result<Self, Status> {
        Ok(match version {
            "" => Self::Latest,
            "0" => Self::Any,
            text => Self::NotOlderThan(parse_revision(text)?),
        })
    }
}

/// Parses a resourceVersion.
///
/// # Errors
/// 500 for text that is no number: upstream does not say that it is the client's fault.
pub fn parse_revision(text: &str) -> Result<Revision, Status> {
    text.parse().map(Revision).map_err(|_| {
        let invalid = format!("resourceVersion: Invalid value: {}: {}", quote(text), no_number(text));
        Status::new(500, Reason::Unknown, invalid)
    })
}

/// Says as Go does that a text is no number.
pub fn no_number(text: &str) -> String {
    format!("strconv.ParseUint: parsing {}: invalid syntax", quote(text))
}

/// A collection, or the part of it below a prefix after a key, at one revision.
#[derive(Debug)]
pub struct Listing {
    /// The revision the items show.
    pub revision: Revision,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Cache { snapshot: Snapshot, prefix: String, after: Option<String> },
    Store(Vec<Item>),
}

impl Listing {
    /// Takes the first `limit` items that are wanted (0 takes all) and counts the wanted ones that follow.
    ///
    /// # Errors
    /// What `wanted` fails with.
    pub fn take(
        &self,
        limit: usize,
        mut wanted: impl FnMut(&Candidate<'_>) -> Result<bool, Status>,
    ) -> Result<(Vec<Item>, usize), Status> {
        let (mut items, mut remaining) = (Vec::new(), 0);
        let mut add = |candidate: Candidate<'_>| {
            if wanted(&candidate)? {
                if limit == 0 || items.len() < limit {
                    items.push(candidate.to_item());
                } else {
                    remaining += 1;
                }
            }
            Ok::<(), Status>(())
        };
        match &self.source {
            Source::Cache { snapshot, prefix, after } => {
                snapshot.range(prefix, after.as_deref()).try_for_each(|entry| add(Candidate::Cached(entry)))?;
            }
            Source::Store(stored) => stored.iter().try_for_each(|item| add(Candidate::Stored(item)))?,
        }
        Ok((items, remaining))
    }
}

/// An object that may be wanted.
#[derive(Clone, Copy, Debug)]
pub enum Candidate<'a> {
    /// From the cache, with what selectors look at.
    Cached(&'a Arc<Entry>),
    /// From the store.
    Stored(&'a Item),
}

impl Candidate<'_> {
    fn to_item(self) -> Item {
        match self {
            Self::Cached(entry) => Item { key: Arc::clone(&entry.key), json: entry.json() },
            Self::Stored(item) => item.clone(),
        }
    }
}

/// Reads objects.
pub struct Reader {
    cacher: Cacher,
    store: Arc<dyn Store>,
    /// Collections of which pages were given out, newest last.
    kept: Mutex<VecDeque<Kept>>,
}

/// A collection of which a page was given out.
struct Kept {
    prefix: Arc<str>,
    snapshot: Snapshot,
    since: Instant,
}

impl Reader {
    /// Loads all stored resources of a registry and follows the store.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn start(store: Arc<dyn Store>, registry: &Registry, tasks: &Tasks) -> Result<Self, Status> {
        let mut seen = HashSet::new();
        let specs = registry.stored().filter_map(spec).filter(|spec| seen.insert(Arc::clone(&spec.prefix))).collect();
        let cacher = Cacher::start(Arc::clone(&store), specs, tasks).await.map_err(|error| failure(&error))?;
        Ok(Self { cacher, store, kept: Mutex::default() })
    }

    /// Returns the cache of a resource.
    ///
    /// # Errors
    /// 500 when the resource is not cached.
    pub fn cache(&self, storage: &Storage) -> Result<Arc<ResourceCache>, Status> {
        self.cacher
            .resource(storage.prefix())
            .ok_or_else(|| status::internal(format!("{} is not cached", storage.resource)))
    }

    /// Waits until the cache is as fresh as asked.
    ///
    /// # Errors
    /// 504 when it is not in time, 503 or 504 when the store is away.
    pub async fn wait(&self, at: At) -> Result<(), Status> {
        let deadline = Instant::now() + CATCH_UP;
        match at {
            At::Any => Ok(()),
            At::Latest => self.cacher.consistent(deadline).await.map(|_| ()),
            At::NotOlderThan(revision) | At::Exactly(revision) => self.cacher.wait_until(revision, deadline).await,
        }
        .map_err(|error| failure(&error))
    }

    /// Waits until the cache has seen a revision that was just written, but not for long: who calls can do without.
    pub async fn catch_up(&self, revision: Revision) {
        if let Err(error) = self.cacher.wait_until(revision, Instant::now() + SOON).await {
            tracing::debug!(%error, "the watch cache lags behind the store");
        }
    }

    /// Reads one object; `namespace` is empty for those of the whole cluster.
    ///
    /// # Errors
    /// As [`Reader::wait`].
    pub async fn get(
        &self,
        storage: &Storage,
        namespace: &str,
        name: &str,
        at: At,
    ) -> Result<Option<Arc<Entry>>, Status> {
        self.wait(at).await?;
        Ok(self.cache(storage)?.get(namespace, name))
    }

    /// Returns an object as the cache has it now, which may be older than the store's.
    ///
    /// # Errors
    /// 500 when the resource is not cached.
    pub fn cached(&self, storage: &Storage, namespace: Option<&str>, name: &str) -> Result<Option<Arc<Entry>>, Status> {
        Ok(self.cache(storage)?.get(namespace.unwrap_or_default(), name))
    }

    /// Lists a collection, or the part of it below `prefix`, after the key `after`.
    ///
    /// # Errors
    /// 410 when the revision is gone, and as [`Reader::wait`].
    pub async fn list(&self, storage: &Storage, prefix: &str, after: Option<&str>, at: At) -> Result<Listing, Status> {
        self.wait(at).await?;
        self.kept.lock().retain(|old| old.since.elapsed() <= KEPT_FOR);
        let snapshot = match at {
            At::Exactly(revision) => match self.kept(storage.prefix(), revision) {
                Some(snapshot) => snapshot,
                None => return self.stored(prefix, after, revision).await,
            },
            _ => self.cache(storage)?.snapshot(),
        };
        let revision = snapshot.revision;
        let source = Source::Cache { snapshot, prefix: prefix.to_owned(), after: after.map(str::to_owned) };
        Ok(Listing { revision, source })
    }

    /// Keeps the collection of a listing for further pages at the same revision, for a while.
    pub fn keep(&self, storage: &Storage, listing: Listing) {
        let Source::Cache { snapshot, .. } = listing.source else { return };
        let mut kept = self.kept.lock();
        if kept.iter().any(|old| *old.prefix == *storage.prefix() && old.snapshot.revision == snapshot.revision) {
            return;
        }
        if kept.len() == KEPT_SNAPSHOTS {
            kept.pop_front();
        }
        kept.push_back(Kept { prefix: storage.prefix().into(), snapshot, since: Instant::now() });
    }

    fn kept(&self, prefix: &str, revision: Revision) -> Option<Snapshot> {
        let kept = self.kept.lock();
        let found = kept.iter().find(|old| *old.prefix == *prefix && old.snapshot.revision == revision);
        found.map(|old| old.snapshot.clone())
    }

    async fn stored(&self, prefix: &str, after: Option<&str>, revision: Revision) -> Result<Listing, Status> {
        let options = ListOptions {
            prefix: prefix.to_owned(),
            start_after: after.map(str::to_owned),
            limit: 0,
            revision: Some(revision),
        };
        let page = objects::deadline(self.store.list(options)).await?;
        let items = page
            .items
            .into_iter()
            .map(|kv| Item { json: splice::with_resource_version(&kv.value, kv.mod_revision.0), key: kv.key });
        Ok(Listing { revision, source: Source::Store(items.collect()) })
    }

    /// Returns the store's revision.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn revision(&self) -> Result<Revision, Status> {
        match tokio::time::timeout(objects::STORE_DEADLINE, self.cacher.current()).await {
            Ok(revision) => revision.map_err(|error| failure(&error)),
            Err(_) => Err(status::timeout("the store did not answer in time", 1)),
        }
    }
}

/// Says what the cache has to know of a row's resource.
fn spec(row: &Arc<Row>) -> Option<ResourceSpec> {
    let storage = row.storage()?;
    let fields = row.strategy.selectable();
    let extract: Option<Extract> = (!fields.is_empty()).then_some(Arc::new(move |object| {
        fields.iter().map(|field| (Cow::Borrowed(field.name), field.value(object).into_owned())).collect()
    }));
    Some(ResourceSpec {
        prefix: storage.prefix().into(),
        api_version: storage.api_version().into(),
        kind: storage.kind.clone(),
        extract,
    })
}

/// Words the cache's failures for clients.
pub fn failure(error: &Error) -> Status {
    match error {
        Error::Expired { .. } => status::expired(error.to_string()),
        Error::TooLarge { requested, current } => status::too_large_resource_version(requested.0, current.0, 1),
        Error::Store(error) => objects::failure(error),
        Error::Closed => status::service_unavailable("the server is shutting down").with_retry_after(1),
    }
}
