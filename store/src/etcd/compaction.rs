use etcd_client::{CompactionOptions, Compare, CompareOp, GetOptions, Txn, TxnOp, TxnOpResponse};

use super::client::{Etcd, Shared, header_revision};
use super::convert::number;
use super::fault::{self, Meaning};
use crate::{Result, Revision};

/// Where the compactors of an etcd agree whose turn it is. Upstream's key, so that its API servers may take part
/// (staging/src/k8s.io/apiserver/pkg/storage/etcd3/compact.go: compactRevKey @ v1.36).
pub(super) const KEY: &str = "compact_rev_key";

/// What is known of [`KEY`].
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    version: i64,
    /// The revision at the end of the round.
    revision: Revision,
}

/// Compacts to the revision of one interval before. Of all API servers on the etcd, one does it in each interval:
/// the first to move the key on.
pub(super) async fn run(etcd: Etcd) {
    let mut round = Round::default();
    loop {
        tokio::time::sleep(etcd.shared.options.compaction_interval).await;
        match step(&etcd.shared, round).await {
            Ok(next) => round = next,
            Err(error) => tracing::warn!(%error, "etcd could not be compacted"),
        }
    }
}

async fn step(shared: &Shared, round: Round) -> Result<Round> {
    let txn = Txn::new()
        .when([Compare::version(KEY, CompareOp::Equal, round.version)])
        .and_then([TxnOp::put(KEY, round.revision.to_string(), None)])
        .or_else([TxnOp::get(KEY, Some(GetOptions::new()))]);
    let mut kv = shared.kv();
    let response = shared
        .call("taking the turn to compact", kv.txn(txn))
        .await?
        .map_err(|error| fault::error(error, "taking the turn to compact", &shared.place))?;
    let revision = header_revision(response.header());
    if !response.succeeded() {
        let version = match response.op_responses().pop() {
            Some(TxnOpResponse::Get(get)) => get.kvs().first().map_or(0, etcd_client::KeyValue::version),
            _ => 0,
        };
        return Ok(Round { version, revision });
    }
    if round.revision > Revision(0) {
        compact(shared, round.revision).await?;
    }
    Ok(Round { version: round.version + 1, revision })
}

/// Compacts; that it was done already is success.
pub(super) async fn compact(shared: &Shared, through: Revision) -> Result<()> {
    let mut kv = shared.kv();
    let options = CompactionOptions::new();
    match shared.call("compact", kv.compact(number(through), Some(options))).await? {
        Ok(_) => Ok(()),
        Err(error) if fault::meaning(&error) == Meaning::Compacted => Ok(()),
        Err(error) => Err(fault::error(error, "compact", &shared.place)),
    }
}
