//! Imports archives into containerd through `ctr`, which comes with it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use corvette_component::command;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{archive, names, sandbox};
use crate::containerd::{self, Programs, SANDBOX_IMAGE};

/// containerd's namespace for images and containers of the kubelet.
const NAMESPACE: &str = "k8s.io";
/// How long an import may take.
const IMPORT_WITHIN: Duration = Duration::from_secs(1800);

/// Why an image could not be loaded, in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read as an image archive.
    #[error("{}: not an image archive: {reason}", file.display())]
    Archive {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read at all.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// No containerd listens.
    #[error("nothing answers on {}: is the cluster running? Start it with `corvette up`", socket.display())]
    NotRunning {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// Programs are missing or failed.
    #[error(transparent)]
    Runtime(#[from] containerd::Error),
}

/// Imports a `docker save` archive, an OCI archive (plain or gzip) or an OCI layout directory into the containerd
/// behind `socket`, and gives the full names (`docker.io/library/x:tag`) under which pods find the images.
///
/// # Errors
/// [`Error::Archive`] for a file that is no image archive; [`Error::NotRunning`] without containerd;
/// [`Error::Runtime`] when the import fails.
pub async fn load(socket: &Path, file: &Path) -> Result<Vec<String>, Error> {
    let programs = Programs::find()?;
    if tokio::net::UnixStream::connect(socket).await.is_err() {
        return Err(Error::NotRunning { socket: socket.to_owned() });
    }
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || archive::naming_files(&path)).await;
    let files = read.map_err(io::Error::other).and_then(|files| files).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            Error::Archive { file: file.to_owned(), reason: source.to_string() }
        }
        _ => Error::Read { file: file.to_owned(), source },
    })?;
    let base = names::base_of(file);
    let mut found =
        names::in_archive(&files, &base).map_err(|reason| Error::Archive { file: file.to_owned(), reason })?;

    let import = |options: &[&str]| import(ctr(&programs.ctr, socket, &[&["import"], options].concat()), file);
    // With a base name `ctr` passes over images that have a name of their own.
    if found.iter().any(|name| !name.tag_only) {
        import(&[]).await?;
    }
    if found.iter().any(|name| name.tag_only) {
        import(&["--base-name", &base]).await?;
    }
    if found.is_empty() {
        let full = names::normalise(&base);
        import(&["--index-name", &full]).await?;
        found.push(names::Name { stored: full.clone(), full, tag_only: false });
    }
    for name in found.iter().filter(|name| name.stored != name.full) {
        let tag = ctr(&programs.ctr, socket, &["tag", "--force", &name.stored, &name.full]);
        run("ctr images tag", tag, |_| async { Ok(()) }).await?;
    }
    Ok(found.into_iter().map(|name| name.full).collect())
}

/// Imports our own sandbox image.
///
/// # Errors
/// [`containerd::Error::Command`] when the import fails.
pub(crate) async fn import_sandbox(ctr_program: &Path, socket: &Path) -> Result<(), containerd::Error> {
    let mut import = ctr(ctr_program, socket, &["import", "-"]);
    import.stdin(Stdio::piped());
    run("ctr images import", import, |stdin| async move {
        let Some(mut stdin) = stdin else { return Ok(()) };
        stdin.write_all(&sandbox::archive(SANDBOX_IMAGE)).await?;
        stdin.shutdown().await
    })
    .await
}

/// Runs an import, unpacking for `ctr` what it cannot read itself.
async fn import(mut command: Command, file: &Path) -> Result<(), containerd::Error> {
    if archive::is_plain_tar(file).map_err(containerd::Error::io("read", file))? {
        command.arg(file).stdin(Stdio::null());
        run("ctr images import", command, |_| async { Ok(()) }).await
    } else {
        let file = file.to_owned();
        command.arg("-").stdin(Stdio::piped());
        run("ctr images import", command, |stdin| feed(stdin, file)).await
    }
}

/// A `ctr images` command.
fn ctr(program: &Path, socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("--address").arg(socket).args(["--namespace", NAMESPACE, "images"]).args(arguments);
    command
}

/// Writes an archive to a process.
async fn feed(stdin: Option<tokio::process::ChildStdin>, file: PathBuf) -> io::Result<()> {
    let Some(stdin) = stdin else { return Ok(()) };
    let mut pipe = std::fs::File::from(stdin.into_owned_fd()?);
    tokio::task::spawn_blocking(move || archive::stream(&file, &mut pipe)).await.map_err(io::Error::other)?
}

/// Runs a command, feeding it meanwhile; its error stream becomes the message when it fails.
async fn run<F: Future<Output = io::Result<()>>>(
    what: &str,
    mut command: Command,
    feed: impl FnOnce(Option<tokio::process::ChildStdin>) -> F,
) -> Result<(), containerd::Error> {
    let failed =
        |message: String| containerd::Error::from(command::Error { program: what.to_owned(), message, missing: false });
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let fed = feed(child.stdin.take());
    let ended = tokio::time::timeout(IMPORT_WITHIN, async { tokio::join!(fed, child.wait_with_output()) }).await;
    let (fed, output) = ended.map_err(|_| failed(format!("no end within {} s", IMPORT_WITHIN.as_secs())))?;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(failed(text.trim().trim_start_matches("ctr: ").replace('\n', "; ")));
    }
    fed.map_err(|error| failed(error.to_string()))
}
