//! The workers: take a key, reconcile it in a span, requeue it in one place.

use std::sync::Arc;
use std::time::Duration;

use corvette_client::NamespacedName;
use futures::FutureExt as _;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{Action, Context, Controller, Error, Queue};
use crate::controllers::table::{Row, TABLE};

/// How long one reconcile may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Builds the controllers, starts the caches, waits for them and starts the workers.
pub async fn start(context: &Context) {
    let started = Instant::now();
    let enabled = TABLE.iter().filter(|row| !context.config.disabled.contains(row.name));
    let controllers: Vec<_> = enabled
        .map(|row| {
            let queue = Queue::new(row.name);
            (row, (row.build)(context, queue.clone()), queue)
        })
        .collect();
    context.informers.start();
    context.informers.synced().await;
    for (row, controller, queue) in controllers {
        spawn_workers(context, row, &controller, &queue);
    }
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(elapsed_ms, "controllers run");
}

fn spawn_workers(context: &Context, row: &'static Row, controller: &Arc<dyn Controller>, queue: &Queue) {
    let count = context.config.workers.get(row.name).copied().unwrap_or(row.workers).max(1);
    for _ in 0..count {
        let (controller, queue) = (controller.clone(), queue.clone());
        context.tasks.spawn(format!("controller {}", row.name), work(row.name, controller, queue));
    }
    let (token, queue) = (context.tasks.token(), queue.clone());
    context.tasks.spawn(format!("queue {}", row.name), async move {
        token.cancelled().await;
        queue.shutdown();
    });
}

async fn work(name: &'static str, controller: Arc<dyn Controller>, queue: Queue) {
    while let Some(key) = queue.next().await {
        let span = tracing::info_span!("reconcile", controller = name, %key);
        let outcome = tokio::time::timeout(DEADLINE, controller.reconcile(&key))
            .map(|result| result.unwrap_or(Err(Error::Timeout)))
            .instrument(span.clone())
            .await;
        span.in_scope(|| requeue(&queue, &key, outcome));
        queue.done(&key);
    }
}

/// Decides when a key is reconciled again.
fn requeue(queue: &Queue, key: &NamespacedName, outcome: Result<Action, Error>) {
    match outcome {
        Ok(Action::Done) => queue.forget(key),
        Ok(Action::After(delay)) => {
            queue.forget(key);
            queue.add_after(key.clone(), delay);
        }
        Err(error) => {
            if error.is_transient() {
                tracing::debug!(%error, "reconcile failed; trying again");
            } else {
                tracing::warn!(%error, "reconcile failed; trying again");
            }
            queue.add_rate_limited(key.clone());
        }
    }
}
