//! Runs helper programs, each with a deadline.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long a helper program may take unless it is given another time.
const WITHIN: Duration = Duration::from_secs(20);

/// A helper program failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{program} failed: {message}")]
pub struct Error {
    /// For example "runc delete".
    pub program: String,
    /// What it printed on its error stream, in one line.
    pub message: String,
    /// It is not installed.
    pub missing: bool,
}

/// Runs a program to its end and gives what it printed; `what` names it in errors.
///
/// # Errors
/// When it cannot be started, fails or does not end in time.
pub async fn run(what: &str, command: &mut Command) -> Result<String, Error> {
    run_with(what, command, "").await
}

/// Runs a program to its end on some input and gives what it printed; `what` names it in errors.
///
/// # Errors
/// When it cannot be started, fails or does not end in time.
pub async fn run_with(what: &str, command: &mut Command, input: &str) -> Result<String, Error> {
    run_within(WITHIN, what, command, input).await
}

/// As [`run_with`], with a deadline of its own.
///
/// # Errors
/// When it cannot be started, fails or does not end in time.
pub async fn run_within(within: Duration, what: &str, command: &mut Command, input: &str) -> Result<String, Error> {
    let failed = |message: String| Error { program: what.to_owned(), message, missing: false };
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        Error { missing, ..failed(error.to_string()) }
    })?;
    let work = async {
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(input.as_bytes()).await {
                // It has ended without reading; what it says about that counts.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(within, work).await {
        Ok(output) => output.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("it has not ended after {} s", within.as_secs()))),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")))
}
