//! `cvctl attach`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::pod::{self, Pod};
use super::streams::{self, Streams};
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    /// POD, or TYPE/NAME.
    words: Vec<String>,
    /// Container name. If omitted, the pod's default.
    #[arg(short, long)]
    container: Option<String>,
    #[command(flatten)]
    streams: Streams,
}

/// Attaches; the exit code is that of the container's process.
pub async fn run(session: &Session, flags: Flags) -> Result<ExitCode> {
    let word = match flags.words.as_slice() {
        [] => bail!("at least 1 argument is required for attach"),
        [kind, name] => format!("{kind}/{name}"),
        [word] => word.clone(),
        _ => bail!("expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {}", flags.words.len()),
    };
    let pod = pod::find(session, &word, pod::Say::Nothing).await?;
    let container = pod.container(flags.container.as_deref())?;
    attach(session, &pod, container, flags.streams).await
}

/// Attaches to a container of a pod.
///
/// # Errors
/// When the pod has ended, or cannot be attached to.
pub async fn attach(session: &Session, pod: &Pod, container: String, streams: Streams) -> Result<ExitCode> {
    pod.check_runs("attach")?;
    let tty = streams.tty();
    if streams.stdin && !streams.quiet {
        eprintln!("If you don't see a command prompt, try pressing enter.");
    }
    let process = streams::pods(session).attach(&pod.name, &streams.parameters(container, tty)).await;
    streams::run(process.map_err(|error| streams::failed(session, error))?, tty).await
}
