//! What `/livez` and `/readyz` know beside the process being up: whether the store answers and whether shutdown has begun.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::App;

/// Time between looks at the store.
const PERIOD: Duration = Duration::from_secs(5);

/// Adds the checks and starts looking.
pub fn watch(app: &Arc<App>) {
    let answers = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&answers);
    app.checks.add("etcd", move || {
        if seen.load(Ordering::Relaxed) { Ok(()) } else { Err("the store does not answer".to_owned()) }
    });
    let token = app.tasks().token();
    app.checks.add(
        "shutdown",
        move || {
            if token.is_cancelled() { Err("process is shutting down".to_owned()) } else { Ok(()) }
        },
    );
    let app = Arc::clone(app);
    app.clone().tasks().spawn_until_cancelled("store-health", async move {
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            ticks.tick().await;
            let outcome = app.reader.revision().await;
            if let Err(failed) = &outcome {
                tracing::warn!(error = %failed.message, "the store does not answer");
            }
            answers.store(outcome.is_ok(), Ordering::Relaxed);
        }
    });
}
