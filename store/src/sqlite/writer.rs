use std::sync::Arc;

use corvette_component::clock::SharedClock;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::expiry::Leases;
use super::fault::Fault;
use super::file::Lock;
use super::hub::{Commit, Hub};
use super::log::{self, Append, Lease};
use crate::{Change, Error, Event, EventKind, Expect, KeyValue, Result, Revision, TxnOutcome};

/// The most requests in one transaction.
const GROUP: usize = 256;
/// Requests that may wait for the writer; senders beyond that wait for room.
pub(super) const QUEUE_CAPACITY: usize = 1024;
/// Leases ended in one transaction.
const EXPIRE_AT_ONCE: usize = 1000;
/// Revisions compacted in one transaction, a few milliseconds of work.
const COMPACT_AT_ONCE: u64 = 1000;
/// How long the end of leases is put off when it could not be written, milliseconds.
const EXPIRE_RETRY: i64 = 5_000;

/// What the writer is asked for.
pub(super) enum Request {
    /// Change a key.
    Txn(Txn),
    /// Delete the keys whose time is over.
    Expire,
    /// Forget some history; answers whether all up to `through` is gone.
    Compact { through: Revision, reply: oneshot::Sender<Result<bool>> },
    /// End; answers when the file is closed.
    Close(oneshot::Sender<()>),
}

/// A change of one key.
pub(super) struct Txn {
    pub key: Arc<str>,
    pub expect: Expect,
    pub change: Change,
    pub reply: oneshot::Sender<Result<TxnOutcome>>,
}

/// The only one who writes. Runs on a thread of its own, because commits block on the disk.
pub(super) struct Writer {
    pub connection: Connection,
    /// The file, for messages.
    pub place: String,
    pub head: Revision,
    pub leases: Leases,
    pub next_lease: watch::Sender<Option<i64>>,
    pub hub: Arc<Hub>,
    pub clock: SharedClock,
    /// Set when the device failed while writing; all later writes get it.
    pub failed: Option<Error>,
    pub lock: Lock,
}

impl Writer {
    /// Serves requests until all senders are gone or it is told to close.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut queue = Vec::with_capacity(GROUP);
        let mut closing = None;
        while closing.is_none() && requests.blocking_recv_many(&mut queue, GROUP) > 0 {
            closing = self.serve(&mut queue);
        }
        self.hub.close();
        drop(requests);
        let place = std::mem::take(&mut self.place);
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, place, "the database did not close cleanly; it is recovered at the next start");
        }
        drop(self.lock);
        if let Some(reply) = closing {
            // Who asked may have stopped waiting.
            reply.send(()).ok();
        }
    }

    fn serve(&mut self, queue: &mut Vec<Request>) -> Option<oneshot::Sender<()>> {
        let mut group = Vec::with_capacity(queue.len());
        let mut closing = None;
        let mut rest = Vec::new();
        for request in queue.drain(..) {
            match request {
                Request::Txn(txn) => group.push(txn),
                Request::Close(reply) => closing = Some(reply),
                other => rest.push(other),
            }
        }
        self.commit(group);
        for request in rest {
            match request {
                Request::Expire => self.expire(),
                Request::Compact { through, reply } => {
                    let result = self.compact(through);
                    reply.send(result).ok();
                }
                Request::Txn(_) | Request::Close(_) => {}
            }
        }
        closing
    }

    fn commit(&mut self, group: Vec<Txn>) {
        if group.is_empty() {
            return;
        }
        let result = self.transact(|batch| group.iter().map(|txn| batch.apply(txn)).collect::<Result<Vec<_>, Fault>>());
        match result {
            Ok(outcomes) => {
                for (txn, outcome) in group.into_iter().zip(outcomes) {
                    // Who asked may have stopped waiting; the write stands.
                    txn.reply.send(Ok(outcome)).ok();
                }
            }
            Err(error) => {
                for txn in group {
                    txn.reply.send(Err(error.clone())).ok();
                }
            }
        }
        let next = self.leases.next();
        self.next_lease.send_if_modified(|seen| std::mem::replace(seen, next) != next);
    }

    fn expire(&mut self) {
        let now = self.clock.now().as_millisecond();
        let due = self.leases.due(now, EXPIRE_AT_ONCE);
        if let Err(error) = self.transact(|batch| due.iter().try_for_each(|lease| batch.end(lease))) {
            tracing::warn!(%error, keys = due.len(), "keys whose time is over could not be deleted; trying again");
            for lease in due {
                self.leases.add(Lease { expires: now + EXPIRE_RETRY, ..lease });
            }
        }
        // Also when nothing changed: the timer waits for it.
        self.next_lease.send_replace(self.leases.next());
    }

    /// Runs `work` in a transaction; what it appended is durable and published when this returns.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault>) -> Result<T> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.try_transact(work).map_err(|fault| self.refuse(fault))
    }

    fn refuse(&mut self, fault: Fault) -> Error {
        let failed = fault.is_device_failure();
        let error = fault.at(&self.place);
        if failed {
            tracing::error!(%error, "the disk failed while writing; no more writes until a restart");
            self.failed = Some(error.clone());
        }
        error
    }

    fn try_transact<T>(&mut self, work: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.clock.now().as_millisecond();
        let mut batch =
            Batch { connection: &transaction, now, head: self.head, events: Vec::new(), leases: Vec::new() };
        let value = work(&mut batch)?;
        let Batch { head, events, leases, .. } = batch;
        if events.is_empty() {
            return Ok(value);
        }
        transaction.commit()?;
        self.head = head;
        for lease in leases {
            self.leases.add(lease);
        }
        self.hub.publish(Commit { events, revision: head });
        Ok(value)
    }

    fn compact(&mut self, through: Revision) -> Result<bool> {
        if through > self.head {
            return Err(Error::FutureRevision { requested: through, current: self.head });
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.try_compact(through).map_err(|fault| self.refuse(fault))
    }

    fn try_compact(&mut self, through: Revision) -> Result<bool, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = log::bounds(&transaction)?.compacted;
        if through <= from {
            return Ok(true);
        }
        let to = through.min(Revision(from.0 + COMPACT_AT_ONCE));
        log::compact(&transaction, from, to, self.head)?;
        transaction.commit()?;
        Ok(to == through)
    }
}

/// What one transaction appends.
struct Batch<'a> {
    connection: &'a Connection,
    now: i64,
    head: Revision,
    events: Vec<Event>,
    leases: Vec<Lease>,
}

impl Batch<'_> {
    fn apply(&mut self, txn: &Txn) -> Result<TxnOutcome, Fault> {
        let current = log::latest(self.connection, &txn.key)?;
        let holds = match (txn.expect, &current) {
            (Expect::Absent, None) | (Expect::Any, _) => true,
            (Expect::Revision(revision), Some(kv)) => kv.mod_revision == revision,
            (Expect::Absent, Some(_)) | (Expect::Revision(_), None) => false,
        };
        match (&txn.change, current) {
            (Change::Put { value, ttl }, current) if holds => {
                let ttl = ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
                let expires = ttl.map(|ttl| self.now.saturating_add(ttl));
                self.put(&txn.key, value.clone(), expires, current)
            }
            (Change::Delete, Some(current)) if holds => self.delete(current),
            (_, current) => Ok(TxnOutcome::Conflict { current, revision: self.head }),
        }
    }

    fn put(
        &mut self,
        key: &Arc<str>,
        value: bytes::Bytes,
        expires: Option<i64>,
        previous: Option<KeyValue>,
    ) -> Result<TxnOutcome, Fault> {
        let revision = self.head.next();
        let create_revision = previous.as_ref().map_or(revision, |previous| previous.create_revision);
        self.append(&Append {
            revision,
            key,
            value: Some(&value),
            create_revision,
            prev_revision: previous.as_ref().map_or(Revision(0), |previous| previous.mod_revision),
            expires,
            written: self.now,
        })?;
        if let Some(expires) = expires {
            self.leases.push(Lease { expires, revision, key: key.clone() });
        }
        let kv = KeyValue { key: key.clone(), value, create_revision, mod_revision: revision };
        let is_create = previous.is_none();
        self.events.push(Event { kind: EventKind::Put, kv, previous: previous.clone(), is_create });
        Ok(TxnOutcome::Done { revision, previous })
    }

    fn delete(&mut self, previous: KeyValue) -> Result<TxnOutcome, Fault> {
        let revision = self.head.next();
        self.append(&Append {
            revision,
            key: &previous.key,
            value: None,
            create_revision: previous.create_revision,
            prev_revision: previous.mod_revision,
            expires: None,
            written: self.now,
        })?;
        let kv = KeyValue { mod_revision: revision, ..previous.clone() };
        let previous = Some(previous);
        self.events.push(Event { kind: EventKind::Delete, kv, previous: previous.clone(), is_create: false });
        Ok(TxnOutcome::Done { revision, previous })
    }

    /// Deletes a key whose time is over, unless it was written since.
    fn end(&mut self, lease: &Lease) -> Result<(), Fault> {
        if let Some(current) = log::latest(self.connection, &lease.key)?
            && current.mod_revision == lease.revision
        {
            self.delete(current)?;
        }
        Ok(())
    }

    fn append(&mut self, row: &Append<'_>) -> Result<(), Fault> {
        log::append(self.connection, row)?;
        self.head = row.revision;
        Ok(())
    }
}
