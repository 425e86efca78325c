use std::time::Duration;

use corvette_component::backoff::Backoff;
use etcd_client::{WatchOptions, WatchResponse, WatchStream};
use futures::StreamExt;

use super::client::{Etcd, header_revision};
use super::convert::{self, BARRIER, number, range_end, range_start, revision};
use super::fault;
use crate::range::KeyRange;
use crate::{Error, Progress, Result, Revision, Watch, WatchBatch};

/// The largest batch that is decoded, bytes: etcd catches a watch up by 1,000 revisions at once.
const MAX_BATCH: usize = 512 * 1024 * 1024;

/// A watch that outlives its connections.
struct Watcher {
    etcd: Etcd,
    range: KeyRange,
    /// Written where the server cannot be asked for progress: its event comes after all that were before it.
    barrier: String,
    /// All changes up to here were given out.
    delivered: Revision,
    stream: Option<WatchStream>,
    progress: Progress,
    backoff: Backoff,
}

/// Begins a watch of `prefix` after `after`.
pub(super) async fn watch(etcd: Etcd, prefix: &str, after: Revision) -> Result<Watch> {
    let prefix = etcd.shared.full(prefix);
    let progress = Progress::default();
    let mut watcher = Watcher {
        range: KeyRange::of_prefix(&prefix),
        barrier: format!("{prefix}{BARRIER}"),
        delivered: after,
        stream: None,
        progress: progress.clone(),
        backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
        etcd,
    };
    watcher.open().await?;
    let stream = futures::stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(batch) => Some((Ok(batch), Some(watcher))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Watch::new(stream.boxed(), progress))
}

/// What woke the watcher.
enum Woken {
    Answer(std::result::Result<Option<WatchResponse>, etcd_client::Error>),
    ProgressWanted,
}

impl Watcher {
    /// Opens the stream and waits until the server has the watch.
    async fn open(&mut self) -> Result<()> {
        let shared = &self.etcd.shared;
        let options = WatchOptions::new()
            .with_range(range_end(self.range.end.as_deref()))
            .with_start_revision(number(self.delivered.next()))
            .with_prev_key()
            .with_progress_notify();
        let mut client = shared.client.watch_client().max_decoding_message_size(MAX_BATCH);
        let open = async {
            let mut stream = client.watch(range_start(&self.range.start), Some(options)).await?;
            let first = stream.message().await?;
            Ok((stream, first))
        };
        let (stream, first) =
            shared.call("watch", open).await?.map_err(|error| fault::error(error, "watch", &shared.place))?;
        self.stream = Some(stream);
        // The first answer only says that the watch exists, or that it cannot; batches come after it.
        match first {
            Some(answer) => self.take(&answer).map(drop),
            None => Err(Error::Unavailable { context: format!("etcd at {} ended a watch", shared.place), cause: None }),
        }
    }

    async fn next(&mut self) -> Result<WatchBatch> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.reopen().await?;
                continue;
            };
            let woken = tokio::select! {
                answer = stream.message() => Woken::Answer(answer),
                () = self.progress.0.notified() => Woken::ProgressWanted,
            };
            match woken {
                Woken::Answer(Ok(Some(answer))) => {
                    if let Some(batch) = self.take(&answer)? {
                        return Ok(batch);
                    }
                }
                Woken::Answer(Ok(None)) => self.stream = None,
                Woken::Answer(Err(error)) => {
                    tracing::info!(%error, revision = %self.delivered, "lost a watch on etcd; resuming it");
                    self.stream = None;
                }
                Woken::ProgressWanted => self.ask_progress().await,
            }
        }
    }

    async fn reopen(&mut self) -> Result<()> {
        tokio::time::sleep(self.backoff.next()).await;
        match self.open().await {
            Ok(()) => self.backoff.reset(),
            Err(error @ Error::Compacted { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, revision = %self.delivered, "could not resume a watch on etcd; trying again");
                self.stream = None;
            }
        }
        Ok(())
    }

    /// Asks for progress; who wants it asks again when the request is lost.
    async fn ask_progress(&mut self) {
        let shared = self.etcd.shared.clone();
        if !shared.ordered_progress {
            let mut kv = shared.kv();
            match shared.call("writing a barrier", kv.put(self.barrier.as_str(), "", None)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "could not write a barrier for the watch"),
                Err(error) => tracing::warn!(%error, "could not write a barrier for the watch"),
            }
        } else if let Some(stream) = &mut self.stream
            && let Err(error) = stream.request_progress().await
        {
            tracing::info!(%error, revision = %self.delivered, "lost a watch on etcd; resuming it");
            self.stream = None;
        }
    }

    /// Takes an answer in; `None` when it says nothing new.
    fn take(&mut self, answer: &WatchResponse) -> Result<Option<WatchBatch>> {
        if answer.compact_revision() > 0 {
            let oldest = revision(answer.compact_revision());
            return Err(Error::Compacted { requested: self.delivered, oldest });
        }
        if answer.canceled() {
            tracing::info!(reason = answer.cancel_reason(), "etcd ended a watch; resuming it");
            self.stream = None;
            return Ok(None);
        }
        if answer.created() {
            return Ok(None);
        }
        // The header of a batch may be ahead of it; that of a progress answer is what it says.
        let reached = match answer.events().last().and_then(|event| event.kv()) {
            Some(kv) => revision(kv.mod_revision()),
            None => header_revision(answer.header()),
        };
        if reached <= self.delivered {
            return Ok(None);
        }
        let (delivered, prefix) = (self.delivered, &self.etcd.shared.options.prefix);
        let events = answer.events().iter().filter_map(|event| convert::event(event, prefix));
        let events = events.filter(|event| event.kv.mod_revision > delivered).collect();
        self.delivered = reached;
        Ok(Some(WatchBatch { events, revision: reached }))
    }
}
