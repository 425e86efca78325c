//! The life of a process that serves: start, `ready`, a signal or a failure, an orderly end.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use corvette_component::signal;
use corvette_component::tasks::Tasks;

use crate::progress;

/// How long everything may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Runs `start`, says `ready`, and goes on until a signal or the failure of a task; what `start` returns is kept for as
/// long. A second signal ends the process without waiting for what is under way.
pub async fn run<T>(name: &str, start: impl AsyncFnOnce(&Tasks) -> Result<T>) -> Result<()> {
    let tasks = Tasks::new(name);
    let token = tasks.token();
    let started = tokio::select! {
        started = start(&tasks) => started.map(Some),
        stopped = signal::shutdown() => stopped.map(|_| None).context("signals"),
        () = token.cancelled() => Err(anyhow!("{}", tasks.failure().unwrap_or_else(|| "stopped".to_owned()))),
    };
    let (kept, outcome) = match started {
        Ok(Some(kept)) => {
            progress::say("ready");
            (Some(kept), until_stopped(&tasks).await)
        }
        Ok(None) => (None, Ok(())),
        Err(error) => (None, Err(error)),
    };
    tokio::select! {
        ended = tasks.shutdown(STOP_DEADLINE) => if let Err(late) = ended {
            tracing::warn!(tasks = ?late, "stopped without waiting for these any longer");
        },
        again = signal::shutdown() => { again.context("signals")?; }
    }
    drop(kept);
    outcome
}

/// Waits for a signal, or for the failure of a task, which ends the process so that it is started again.
async fn until_stopped(tasks: &Tasks) -> Result<()> {
    let token = tasks.token();
    tokio::select! {
        stopped = signal::shutdown() => {
            tracing::info!(signal = stopped.context("signals")?, "stopping");
            Ok(())
        }
        () = token.cancelled() => match tasks.failure() {
            Some(failure) => bail!("{failure}"),
            None => Ok(()),
        },
    }
}
