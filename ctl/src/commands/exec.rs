//! `cvctl exec`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::pod;
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
    /// The command, after --.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Runs the command; the exit code is its own.
pub async fn run(session: &Session, flags: Flags) -> Result<ExitCode> {
    let word = match flags.words.as_slice() {
        [] => bail!("pod, type/name or --filename must be specified"),
        [_, _, ..] => bail!(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'cvctl exec -h' for help and examples"
        ),
        [_] if flags.command.is_empty() => bail!("you must specify at least one command for the container"),
        [word] => word,
    };
    let pod = pod::find(session, word, pod::Say::Nothing).await?;
    pod.check_runs("exec into")?;
    let container = pod.container(flags.container.as_deref())?;
    let tty = flags.streams.tty();
    let parameters = flags.streams.parameters(container, tty);
    let process = streams::pods(session).exec(&pod.name, flags.command, &parameters).await;
    streams::run(process.map_err(|error| streams::failed(session, error))?, tty).await
}
