//! The streams of a command in a container, for `exec`, `attach` and `run`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_client::kube::api::{AttachParams, AttachedProcess, TerminalSize};
use corvette_client::kube::{self, Api};
use futures::SinkExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::session::Session;
use crate::terminal;

#[derive(Args, Debug, Clone, Copy, Default)]
pub struct Streams {
    /// Pass stdin to the container.
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Stdin is a TTY.
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Only print output from the remote session.
    #[arg(short, long)]
    pub quiet: bool,
}

impl Streams {
    /// Whether there is a terminal to be had; says so when there is not.
    pub fn tty(self) -> bool {
        let tty = self.tty && std::io::stdin().is_terminal();
        if self.tty && !tty && !self.quiet {
            eprintln!("Unable to use a TTY - input is not a terminal or the right kind of file");
        }
        tty
    }

    /// The parameters of a request.
    pub fn parameters(self, container: String, tty: bool) -> AttachParams {
        AttachParams::default().container(container).stdin(self.stdin).tty(tty).stderr(!tty)
    }
}

/// Pods of the session's namespace.
pub fn pods(session: &Session) -> Api<Pod> {
    Api::namespaced(session.client.clone(), &session.namespace)
}

/// Words an error of the client.
pub fn failed(session: &Session, error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Service(source) => session.requests.unreachable(source),
        other => other.into(),
    }
}

/// Carries the streams to the end; the exit code is that of the command.
///
/// # Errors
/// When the connection breaks, or the command could not be run.
pub async fn run(mut process: AttachedProcess, tty: bool) -> Result<ExitCode> {
    let raw = if tty { Some(terminal::Raw::enter()?) } else { None };
    let status = attend(&mut process, tty).await?;
    drop(raw);
    exit_code(status)
}

/// Carries the streams until the command has ended and everything it wrote is out.
async fn attend(process: &mut AttachedProcess, tty: bool) -> Result<Status> {
    let status = process.take_status().context("the connection has a status")?;
    let outputs = (process.stdout(), process.stderr());
    if let Some(stdin) = process.stdin() {
        // Standard input may block for ever; it ends with the process.
        tokio::spawn(copy(tokio::io::stdin(), stdin));
    }
    let resizes = process.terminal_size();
    let follow_size = async {
        if let (true, Some(mut sizes)) = (tty, resizes) {
            let mut changes = signal(SignalKind::window_change())?;
            while let Some((width, height)) = terminal::size() {
                if sizes.send(TerminalSize { width, height }).await.is_err() {
                    break;
                }
                changes.recv().await;
            }
        }
        std::future::pending::<std::io::Result<()>>().await
    };
    let streams = async {
        let out = async { if let Some(from) = outputs.0 { copy(from, tokio::io::stdout()).await } else { Ok(()) } };
        let err = async { if let Some(from) = outputs.1 { copy(from, tokio::io::stderr()).await } else { Ok(()) } };
        tokio::try_join!(out, err).map(|_| ())
    };
    let ended = async { tokio::join!(status, streams) };
    tokio::select! {
        (status, streams) = ended => {
            streams.context("the streams of the command")?;
            status.context("the connection ended before the command did")
        }
        failed = follow_size => {
            failed.context("terminal size")?;
            bail!("the terminal went away")
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> std::io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.flush().await?;
    to.shutdown().await
}

fn exit_code(status: Status) -> Result<ExitCode> {
    if status.status.as_deref() == Some("Success") {
        return Ok(ExitCode::SUCCESS);
    }
    let causes = status.details.iter().flat_map(|d| d.causes.iter().flatten());
    let codes = causes
        .filter(|c| c.reason.as_deref() == Some("ExitCode"))
        .filter_map(|c| c.message.as_ref()?.parse::<u8>().ok());
    let code = codes.max();
    match code {
        Some(code) => {
            eprintln!("command terminated with exit code {code}");
            Ok(ExitCode::from(code))
        }
        None => bail!("{}", status.message.unwrap_or_else(|| "the command failed".to_owned())),
    }
}
