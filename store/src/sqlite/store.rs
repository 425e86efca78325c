use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_component::tasks::Tasks;
use tokio::sync::{mpsc, oneshot, watch};

use super::compaction::Retention;
use super::expiry::Leases;
use super::hub::Hub;
use super::options::Options;
use super::readers::Readers;
use super::writer::{QUEUE_CAPACITY, Request, Txn, Writer};
use super::{compaction, expiry, file, follow, log, open};
use crate::range::KeyRange;
use crate::{Change, Error, Expect, KeyValue, ListOptions, Page, Result, Revision, Store, TxnOutcome, Watch};

/// The embedded store. Dropping it closes the file in the background; [`Sqlite::close`] waits for that.
#[derive(Debug)]
pub struct Sqlite {
    writer: mpsc::Sender<Request>,
    hub: Arc<Hub>,
    readers: Readers,
    max_value: usize,
}

impl Sqlite {
    /// Opens the database at `path` (a file; it and its directory are made when missing) and recovers what a crash
    /// left. `tasks` runs the upkeep: the end of leases, compaction.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, [`Error::Corrupt`], [`Error::Full`],
    /// [`Error::Configuration`] when the place cannot be used.
    pub async fn open(path: impl AsRef<Path>, options: Options, tasks: &Tasks) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let readers = Readers::new(path.clone());
        let (requests, queue) = mpsc::channel(QUEUE_CAPACITY);
        let (next_lease, lease_times) = watch::channel(None);
        let Options { retain, retain_revisions, max_value, clock } = options;
        let writer_clock = clock.clone();
        let hub = tokio::task::spawn_blocking(move || {
            let writer = prepare(&path, next_lease, writer_clock)?;
            let hub = writer.hub.clone();
            std::thread::Builder::new()
                .name("store-writer".into())
                .spawn(move || writer.run(queue))
                .map_err(|error| Error::unavailable("cannot start the store's thread", error))?;
            Ok::<_, Error>(hub)
        })
        .await
        .map_err(|error| Error::unavailable("opening the database", error))??;
        tasks.spawn_until_cancelled("store-leases", expiry::run(requests.downgrade(), lease_times, clock.clone()));
        let retention = Retention { age: retain, revisions: retain_revisions };
        let compaction = compaction::run(requests.downgrade(), readers.clone(), retention, clock);
        tasks.spawn_until_cancelled("store-compaction", compaction);
        Ok(Self { writer: requests, hub, readers, max_value })
    }

    /// Closes the file and frees its lock. Later calls fail with [`Error::Unavailable`]; watches end with it.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.writer.send(Request::Close(reply)).await.is_ok() {
            // An error says that someone else closed it.
            closed.await.ok();
        }
    }
}

fn prepare(
    path: &Path,
    next_lease: watch::Sender<Option<i64>>,
    clock: corvette_component::clock::SharedClock,
) -> Result<Writer> {
    let lock = file::prepare(path)?;
    let place = path.display().to_string();
    let connection = open::writer(path)?;
    let read = || Ok((log::bounds(&connection)?, log::leases(&connection)?));
    let (bounds, leases) = read().map_err(|fault: super::fault::Fault| fault.at(&place))?;
    let leases = Leases::new(leases);
    next_lease.send_replace(leases.next());
    let hub = Arc::new(Hub::new(bounds.head));
    Ok(Writer { connection, place, head: bounds.head, leases, next_lease, hub, clock, failed: None, lock })
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &str) -> Result<(Option<KeyValue>, Revision)> {
        self.hub.head()?;
        let key = key.to_owned();
        self.readers
            .run(move |connection| {
                let snapshot = connection.transaction()?;
                Ok((log::latest(&snapshot, &key)?, log::bounds(&snapshot)?.head))
            })
            .await
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.hub.head()?;
        self.readers
            .run(move |connection| {
                let mut range = KeyRange::of_prefix(&options.prefix);
                if let Some(key) = &options.start_after {
                    range = range.after(key);
                }
                let snapshot = connection.transaction()?;
                let bounds = log::bounds(&snapshot)?;
                let revision = options.revision.unwrap_or(bounds.head);
                if revision > bounds.head {
                    return Err(Error::FutureRevision { requested: revision, current: bounds.head }.into());
                }
                if revision < bounds.compacted {
                    return Err(Error::Compacted { requested: revision, oldest: bounds.compacted }.into());
                }
                let listed = log::list(&snapshot, &range, revision, options.limit)?;
                let (items, remaining) = (listed.items, listed.remaining);
                Ok(Page { items, revision, more: remaining > 0, remaining })
            })
            .await
    }

    async fn txn(&self, key: &str, expect: Expect, change: Change) -> Result<TxnOutcome> {
        if let Change::Put { value, .. } = &change {
            crate::check_size(key, value, self.max_value)?;
        }
        let (reply, outcome) = oneshot::channel();
        let txn = Txn { key: key.into(), expect, change, reply };
        self.writer.send(Request::Txn(txn)).await.map_err(|_| Error::closed())?;
        outcome.await.map_err(|_| Error::closed())?
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch> {
        follow::follow(self.hub.clone(), self.readers.clone(), KeyRange::of_prefix(prefix), after).await
    }

    async fn compact(&self, through: Revision) -> Result<()> {
        compaction::compact(&self.writer, through).await
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.hub.head()
    }
}
