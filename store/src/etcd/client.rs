use std::sync::Arc;

use async_trait::async_trait;
use corvette_component::tasks::Tasks;
use etcd_client::{
    Certificate, Client, Compare, CompareOp, ConnectOptions, DeleteOptions, GetOptions, GetResponse, Identity,
    KvClient, PutOptions, TlsOptions, Txn, TxnOp, TxnOpResponse,
};
use tokio::time::{Instant, timeout};

use super::convert::{self, number, range_end, range_start, revision};
use super::fault::{self, Meaning};
use super::lease::{self, Leases};
use super::options::{Options, Tls};
use super::{compaction, version, watch};
use crate::range::KeyRange;
use crate::{Change, Error, Expect, KeyValue, ListOptions, Page, Result, Revision, Store, TxnOutcome, Watch};

/// The largest answer that is decoded, bytes. (The library's own limit is 4 MiB.)
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// Keys asked for at once when listing; fewer when their values are large.
const PAGE: usize = 1000;

/// A store in etcd. Clones share the connections.
#[derive(Clone)]
pub struct Etcd {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub client: Client,
    kv: KvClient,
    pub options: Options,
    /// The endpoints, for messages.
    pub place: String,
    /// Whether [`version::progress_is_ordered`].
    pub ordered_progress: bool,
    leases: Leases,
}

impl Etcd {
    /// Connects, and checks that a member answers. `tasks` runs the compaction.
    ///
    /// # Errors
    /// [`Error::Configuration`] for endpoints or certificates that cannot be used, [`Error::Unavailable`] or
    /// [`Error::Timeout`] when none answers.
    pub async fn connect(options: Options, tasks: &Tasks) -> Result<Self> {
        let place = options.endpoints.join(",");
        let unusable = |error| Error::configuration(format!("cannot use the etcd endpoints {place}"), error);
        let mut client = Client::connect(&options.endpoints, Some(connection(&options))).await.map_err(unusable)?;
        let status = timeout(options.connect_timeout, client.status())
            .await
            .map_err(|_| Error::Timeout { operation: "connecting to etcd" })?
            .map_err(|error| fault::error(error, "connecting", &place))?;
        let ordered_progress = version::progress_is_ordered(status.version());
        tracing::info!(version = status.version(), endpoints = place, "connected to etcd");
        let kv = client.kv_client().max_decoding_message_size(MAX_ANSWER);
        let leases = Leases::default();
        let etcd = Self { shared: Arc::new(Shared { client, kv, options, place, ordered_progress, leases }) };
        if !etcd.shared.options.compaction_interval.is_zero() {
            tasks.spawn_until_cancelled("etcd-compaction", compaction::run(etcd.clone()));
        }
        Ok(etcd)
    }
}

fn connection(options: &Options) -> ConnectOptions {
    let keep_alive = options.timeout;
    let connection = ConnectOptions::new()
        .with_connect_timeout(options.connect_timeout)
        .with_keep_alive(keep_alive, keep_alive)
        .with_keep_alive_while_idle(true)
        .with_require_leader(true);
    match &options.tls {
        Some(tls) => connection.with_tls(certificates(tls)),
        None => connection,
    }
}

fn certificates(tls: &Tls) -> TlsOptions {
    let options = TlsOptions::new().ca_certificate(Certificate::from_pem(&tls.ca));
    match &tls.client {
        Some((certificate, key)) => options.identity(Identity::from_pem(certificate, key)),
        None => options,
    }
}

impl Shared {
    /// Runs a call with the deadline; the inner error is etcd's answer.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        call: F,
    ) -> Result<std::result::Result<T, etcd_client::Error>>
    where
        F: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        timeout(self.options.timeout, call).await.map_err(|_| Error::Timeout { operation })
    }

    pub(super) fn kv(&self) -> KvClient {
        self.kv.clone()
    }

    pub(super) fn full(&self, key: &str) -> String {
        format!("{}{key}", self.options.prefix)
    }

    fn error(&self, error: etcd_client::Error, operation: &'static str) -> Error {
        fault::error(error, operation, &self.place)
    }

    /// Returns the lease for a new key.
    async fn lease(&self, ttl: std::time::Duration) -> Result<i64> {
        if let Some(id) = self.leases.share(ttl, Instant::now()) {
            return Ok(id);
        }
        let mut client = self.client.lease_client();
        let now = Instant::now();
        let granted = self
            .call("granting a lease", client.grant(lease::seconds(ttl), None))
            .await?
            .map_err(|error| self.error(error, "granting a lease"))?;
        self.leases.remember(ttl, granted.id(), granted.ttl(), now);
        Ok(granted.id())
    }

    /// Reads one page of a range; `Err(None)` asks to try a smaller one.
    async fn page(&self, range: &KeyRange, limit: usize, at: Option<Revision>) -> Result<Option<GetResponse>> {
        let mut options = GetOptions::new().with_range(range_end(range.end.as_deref()));
        options = options.with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
        if let Some(at) = at {
            options = options.with_revision(number(at));
        }
        let mut kv = self.kv();
        match self.call("list", kv.get(range_start(&range.start), Some(options))).await? {
            Ok(response) => Ok(Some(response)),
            Err(error) => match (fault::meaning(&error), at) {
                (Meaning::AnswerTooLarge, _) if limit > 1 => Ok(None),
                (Meaning::Compacted, Some(requested)) => {
                    Err(Error::Compacted { requested, oldest: self.current().await? })
                }
                (Meaning::Future, Some(requested)) => {
                    Err(Error::FutureRevision { requested, current: self.current().await? })
                }
                _ => Err(self.error(error, "list")),
            },
        }
    }

    /// Reads the present revision, linearizable.
    pub(super) async fn current(&self) -> Result<Revision> {
        let mut kv = self.kv();
        let options = GetOptions::new().with_count_only();
        let response = self
            .call("reading the revision", kv.get(compaction::KEY, Some(options)))
            .await?
            .map_err(|error| self.error(error, "reading the revision"))?;
        Ok(header_revision(response.header()))
    }

    fn own(&self, kv: etcd_client::KeyValue) -> Option<KeyValue> {
        convert::key_value(kv, &self.options.prefix)
    }

    fn txn_request(&self, key: &str, expect: Expect, change: &Change, lease: Option<i64>) -> Txn {
        let key = self.full(key);
        let compare = match (expect, change) {
            (Expect::Absent, _) => vec![Compare::create_revision(key.as_str(), CompareOp::Equal, 0)],
            (Expect::Revision(at), _) => vec![Compare::mod_revision(key.as_str(), CompareOp::Equal, number(at))],
            (Expect::Any, Change::Delete) => vec![Compare::create_revision(key.as_str(), CompareOp::Greater, 0)],
            (Expect::Any, Change::Put { .. }) => Vec::new(),
        };
        let change = match change {
            Change::Put { value, .. } => {
                let options = PutOptions::new().with_prev_key().with_lease(lease.unwrap_or(0));
                TxnOp::put(key.as_str(), &value[..], Some(options))
            }
            Change::Delete => TxnOp::delete(key.as_str(), Some(DeleteOptions::new().with_prev_key())),
        };
        Txn::new().when(compare).and_then([change]).or_else([TxnOp::get(key, None)])
    }
}

pub(super) fn header_revision(header: Option<&etcd_client::ResponseHeader>) -> Revision {
    header.map_or(Revision(0), |header| revision(header.revision()))
}

/// What a transaction's one operation says of the key: before the change, or instead of it.
fn found(response: TxnOpResponse) -> Option<etcd_client::KeyValue> {
    match response {
        TxnOpResponse::Put(mut put) => put.take_prev_key(),
        TxnOpResponse::Delete(mut delete) => delete.take_prev_kvs().pop(),
        TxnOpResponse::Get(mut get) => get.take_kvs().pop(),
        TxnOpResponse::Txn(_) => None,
    }
}

#[async_trait]
impl Store for Etcd {
    async fn get(&self, key: &str) -> Result<(Option<KeyValue>, Revision)> {
        let mut kv = self.shared.kv();
        let mut response = self
            .shared
            .call("get", kv.get(self.shared.full(key), None))
            .await?
            .map_err(|error| self.shared.error(error, "get"))?;
        let found = response.take_kvs().pop().and_then(|kv| self.shared.own(kv));
        Ok((found, header_revision(response.header())))
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        let mut range = KeyRange::of_prefix(&self.shared.full(&options.prefix));
        if let Some(key) = &options.start_after {
            range = range.after(&self.shared.full(key));
        } else if range.start.ends_with('/') {
            // Past the barrier, which would count as one.
            range.start.push('\u{1}');
        }
        let mut page = Page { items: Vec::new(), revision: Revision(0), more: false, remaining: 0 };
        let (mut at, mut size) = (options.revision, PAGE);
        loop {
            let wanted = if options.limit == 0 { size } else { size.min(options.limit - page.items.len()) };
            let Some(mut response) = self.shared.page(&range, wanted, at).await? else {
                size = (wanted / 2).max(1);
                continue;
            };
            page.revision = *at.get_or_insert_with(|| header_revision(response.header()));
            let kvs = response.take_kvs();
            page.remaining = u64::try_from(response.count()).unwrap_or(0).saturating_sub(kvs.len() as u64);
            page.more = response.more();
            if let Some(last) = kvs.last() {
                range = range.after(&String::from_utf8_lossy(last.key()));
            }
            page.items.extend(kvs.into_iter().filter_map(|kv| self.shared.own(kv)));
            if !page.more || (options.limit > 0 && page.items.len() >= options.limit) {
                return Ok(page);
            }
        }
    }

    async fn txn(&self, key: &str, expect: Expect, change: Change) -> Result<TxnOutcome> {
        if let Change::Put { value, .. } = &change {
            crate::check_size(key, value, crate::MAX_VALUE)?;
        }
        loop {
            let lease = match &change {
                Change::Put { ttl: Some(ttl), .. } => Some(self.shared.lease(*ttl).await?),
                _ => None,
            };
            let txn = self.shared.txn_request(key, expect, &change, lease);
            let mut kv = self.shared.kv();
            let response = match self.shared.call("txn", kv.txn(txn)).await? {
                Ok(response) => response,
                Err(error) => match (fault::meaning(&error), lease, &change) {
                    (Meaning::LeaseGone, Some(id), _) => {
                        self.shared.leases.forget(id);
                        continue;
                    }
                    (Meaning::TooLarge, _, Change::Put { value, .. }) => {
                        let (key, size) = (key.to_owned(), value.len());
                        return Err(Error::TooLarge { key, size, limit: crate::MAX_VALUE });
                    }
                    _ => return Err(self.shared.error(error, "txn")),
                },
            };
            let revision = header_revision(response.header());
            let found = response.op_responses().pop().and_then(found).and_then(|kv| self.shared.own(kv));
            return Ok(if response.succeeded() {
                TxnOutcome::Done { revision, previous: found }
            } else {
                TxnOutcome::Conflict { current: found, revision }
            });
        }
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch> {
        watch::watch(self.clone(), prefix, after).await
    }

    async fn compact(&self, through: Revision) -> Result<()> {
        let current = self.current_revision().await?;
        if through > current {
            return Err(Error::FutureRevision { requested: through, current });
        }
        compaction::compact(&self.shared, through).await
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.shared.current().await
    }
}
