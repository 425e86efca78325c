use std::time::Duration;

use corvette_component::clock::SharedClock;
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::log::{self, Bounds};
use super::readers::Readers;
use super::writer::Request;
use crate::{Error, Result, Revision};

/// How often history is looked at.
const ROUND: Duration = Duration::from_secs(60);

/// What history to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    pub age: Duration,
    pub revisions: u64,
}

/// Compacts by age and number, now and then, until the store is closed.
pub(super) async fn run(writer: mpsc::WeakSender<Request>, readers: Readers, retention: Retention, clock: SharedClock) {
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(sender) = writer.upgrade() else { return };
        if let Err(error) = round(&sender, &readers, retention, &clock).await {
            tracing::warn!(%error, "history could not be compacted");
        }
    }
}

async fn round(
    writer: &mpsc::Sender<Request>,
    readers: &Readers,
    retention: Retention,
    clock: &SharedClock,
) -> Result<()> {
    let age = i64::try_from(retention.age.as_millis()).unwrap_or(i64::MAX);
    let before = clock.now().as_millisecond().saturating_sub(age);
    let through = readers
        .run(move |connection| {
            let snapshot = connection.transaction()?;
            let bounds = log::bounds(&snapshot)?;
            let aged = last_before(bounds, before, |from| log::written_at(&snapshot, from))?;
            Ok(aged.max(Revision(bounds.head.0.saturating_sub(retention.revisions))))
        })
        .await?;
    compact(writer, through).await
}

/// Compacts in small steps, between which the writer serves others.
pub(super) async fn compact(writer: &mpsc::Sender<Request>, through: Revision) -> Result<()> {
    loop {
        let (reply, done) = oneshot::channel();
        writer.send(Request::Compact { through, reply }).await.map_err(|_| Error::closed())?;
        if done.await.map_err(|_| Error::closed())?? {
            return Ok(());
        }
    }
}

/// Finds the last revision written before a time, by bisection: times only grow with revisions (if the clock went back,
/// a little more or less is kept). `written_at(r)` gives the first revision at or after `r` and its time.
fn last_before(
    bounds: Bounds,
    before: i64,
    written_at: impl Fn(Revision) -> rusqlite::Result<Option<(Revision, i64)>>,
) -> Result<Revision, Fault> {
    let (mut low, mut high) = (bounds.compacted, bounds.head);
    while low < high {
        let middle = Revision(low.0 + (high.0 - low.0).div_ceil(2));
        match written_at(middle)? {
            Some((revision, written)) if written < before => low = revision,
            _ => high = Revision(middle.0 - 1),
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bisection_finds_the_last_old_revision(
            compacted in 0_u64..20,
            steps in proptest::collection::vec((1_u64..3, 0_i64..5), 0..40),
            before in 0_i64..100,
        ) {
            let (mut revision, mut time) = (compacted, 0);
            let rows: BTreeMap<u64, i64> = steps
                .into_iter()
                .map(|(gap, later)| {
                    (revision, time) = (revision + gap, time + later);
                    (revision, time)
                })
                .collect();
            let bounds = Bounds { compacted: Revision(compacted), head: Revision(revision) };
            let found = last_before(bounds, before, |from| {
                Ok(rows.range(from.0..).next().map(|(revision, time)| (Revision(*revision), *time)))
            });
            let expected = rows.iter().filter(|(_, time)| **time < before).map(|(revision, _)| *revision).next_back();
            prop_assert_eq!(found.unwrap(), Revision(expected.unwrap_or(compacted)));
        }
    }
}
