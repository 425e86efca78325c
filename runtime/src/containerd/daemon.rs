//! Spawns containerd, adopts one that runs, and keeps it running.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use corvette_component::backoff::Backoff;
use corvette_component::files;
use corvette_component::tasks::Tasks;
use tokio::process::{Child, Command};

use super::cri::Cri;
use super::process::Process;
use super::{Config, Error, Programs, SANDBOX_IMAGE, files as contents, forgotten};
use crate::{image, mounts, sys};

/// How long containerd may take to answer after its start.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How long it may take to end when asked to.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A running containerd.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Where it serves CRI v1 and its own API.
    pub socket: PathBuf,
    /// Name and version, such as `containerd 1.6.20`.
    pub version: String,
    /// Whether it ran already when [`start`] was called.
    pub adopted: bool,
}

/// Starts containerd, or adopts the one that an earlier process of ours left running on the same directory with the
/// same configuration, waits until it answers, makes sure of the sandbox image, and keeps it running: when it dies it
/// is started again with growing delays. It is left running when `tasks` end.
///
/// # Errors
/// [`Error::Missing`] when a program is not installed; [`Error::NoControlGroups`] where runc cannot work;
/// [`Error::NotReady`] when containerd ends or stays silent.
pub async fn start(config: Config, tasks: &Tasks) -> Result<Handle, Error> {
    let programs = Programs::find()?;
    if !mounts::groups_are_mounted() {
        return Err(Error::NoControlGroups);
    }
    let changed = write_files(&config, &programs)?;
    let cri = Cri::new(&config.socket);
    let mut running = adopt(&config, &cri, changed).await?;
    let adopted = running.is_some();
    if running.is_none() {
        running = Some(spawn(&config, &programs, &cri).await?);
    }
    let version = cri.version().await?;
    ensure_sandbox_image(&config, &programs, &cri).await?;
    tracing::info!(%version, adopted, socket = %config.socket.display(), "container runtime is ready");
    let handle = Handle { socket: config.socket.clone(), version, adopted };
    tasks.spawn_until_cancelled(
        "forgotten by containerd",
        forgotten::reap(config.clone(), programs.clone(), cri.clone()),
    );
    if let Some(running) = running {
        tasks.spawn_until_cancelled("containerd", supervise(config, programs, cri, running));
    }
    Ok(handle)
}

/// A containerd, by the means there are to learn of its end.
#[derive(Debug)]
enum Running {
    /// Started by us: must be reaped.
    Child(Child),
    /// Left by an earlier process.
    Other(Process),
}

impl Running {
    /// Waits for its end and says how it ended.
    async fn ended(&mut self) -> String {
        match self {
            Self::Child(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Other(process) => {
                process.ended().await;
                "ended".to_owned()
            }
        }
    }
}

/// Writes the configuration files; says whether containerd must be started anew to read its own.
fn write_files(config: &Config, programs: &Programs) -> Result<bool, Error> {
    for (dir, mode) in [
        (config.data_dir.clone(), 0o755),
        (config.dir.clone(), 0o711),
        (config.root(), 0o711),
        (config.state(), 0o711),
        (config.cni_dir(), 0o755),
        (config.ipam_dir(), 0o755),
    ] {
        files::create_dir(&dir, mode).map_err(Error::io("create", &dir))?;
    }
    if let Some(dir) = config.log.parent() {
        files::create_dir(dir, 0o755).map_err(Error::io("create", dir))?;
    }
    write_if_different(&config.cni_dir().join("10-corvette.conflist"), &contents::network_list(config))?;
    write_if_different(&config.config_file(), &contents::config_toml(config, programs))
}

/// Replaces a file unless it has this content already; says whether it did.
fn write_if_different(path: &Path, content: &str) -> Result<bool, Error> {
    if std::fs::read(path).is_ok_and(|old| old == content.as_bytes()) {
        return Ok(false);
    }
    files::write_atomic(path, content.as_bytes(), 0o644).map_err(Error::io("write", path))?;
    Ok(true)
}

/// Takes over a running containerd of this directory. One with an old configuration or that does not answer is ended
/// (its containers go on) and `None` given.
async fn adopt(config: &Config, cri: &Cri, changed: bool) -> Result<Option<Running>, Error> {
    let Some(process) = running(config) else { return Ok(None) };
    if !changed && tokio::time::timeout(READY_WITHIN, answered(cri)).await.is_ok() {
        return Ok(Some(Running::Other(process)));
    }
    tracing::info!(pid = process.pid, changed, "restarting containerd");
    end(process).await?;
    Ok(None)
}

/// The containerd of this directory, if it runs.
pub(super) fn running(config: &Config) -> Option<Process> {
    Process::load(&config.pid_file())
}

/// Ends a containerd: politely, then not.
pub(super) async fn end(process: Process) -> Result<(), Error> {
    use nix::sys::signal::Signal;
    let failed = |source| Error::Io { action: "signal", path: format!("/proc/{}", process.pid).into(), source };
    process.signal(Signal::SIGTERM).map_err(failed)?;
    if !process.ended_within(END_WITHIN).await {
        process.signal(Signal::SIGKILL).map_err(failed)?;
        if !process.ended_within(END_WITHIN).await {
            return Err(Error::Stuck { pid: process.pid });
        }
    }
    Ok(())
}

/// Starts containerd in a session of its own and waits until it answers.
async fn spawn(config: &Config, programs: &Programs, cri: &Cri) -> Result<Running, Error> {
    let log = OpenOptions::new().create(true).append(true).open(&config.log);
    let log = log.map_err(Error::io("open", &config.log))?;
    let written = log.metadata().map_err(Error::io("read", &config.log))?.len();
    let stderr = log.try_clone().map_err(Error::io("open", &config.log))?;
    let mut command = std::process::Command::new(&programs.containerd);
    command.arg("--config").arg(config.config_file());
    command.env("PATH", &programs.path).env_remove("NOTIFY_SOCKET").current_dir("/");
    command.stdin(Stdio::null()).stdout(log).stderr(stderr);
    sys::own_session(&mut command);
    let mut child = Command::from(command).spawn().map_err(Error::io("run", &programs.containerd))?;
    if let Some(process) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Process::running) {
        process.save(&config.pid_file()).map_err(Error::io("write", config.pid_file()))?;
    }
    let what = tokio::select! {
        () = answered(cri) => return Ok(Running::Child(child)),
        status = child.wait() => match status {
            Ok(status) => format!("exited ({status})"),
            Err(error) => format!("was lost ({error})"),
        },
        () = tokio::time::sleep(READY_WITHIN) => {
            child.kill().await.map_err(Error::io("kill", &programs.containerd))?;
            format!("did not answer within {} s", READY_WITHIN.as_secs())
        }
    };
    Err(Error::NotReady { what, log: config.log.clone(), tail: log_tail(&config.log, written) })
}

/// Waits until the CRI service answers.
async fn answered(cri: &Cri) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while cri.version().await.is_err() {
        ticks.tick().await;
    }
}

/// Imports the sandbox image unless it is there.
async fn ensure_sandbox_image(config: &Config, programs: &Programs, cri: &Cri) -> Result<(), Error> {
    if cri.has_image(SANDBOX_IMAGE).await? {
        return Ok(());
    }
    image::import_sandbox(&programs.ctr, &config.socket).await?;
    // The CRI plugin learns of it from an event.
    let known = async {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        while !cri.has_image(SANDBOX_IMAGE).await? {
            ticks.tick().await;
        }
        Ok::<(), Error>(())
    };
    tokio::time::timeout(READY_WITHIN, known).await.unwrap_or_else(|_| {
        let what = format!("does not see the imported image {SANDBOX_IMAGE}");
        Err(Error::NotReady { what, log: config.log.clone(), tail: log_tail(&config.log, 0) })
    })
}

/// Starts containerd again whenever it ends.
async fn supervise(config: Config, programs: Programs, cri: Cri, mut running: Running) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
    loop {
        let how = running.ended().await;
        tracing::warn!(how, log = %config.log.display(), "containerd ended; starting it again");
        running = loop {
            tokio::time::sleep(backoff.next()).await;
            match spawn(&config, &programs, &cri).await {
                Ok(running) => break running,
                Err(error) => tracing::error!(%error, "cannot start containerd again"),
            }
        };
        backoff.reset();
    }
}

/// The last line written to the log after `from` that tells of an error, or the last line.
fn log_tail(log: &Path, from: u64) -> String {
    let mut text = Vec::new();
    let read = std::fs::File::open(log).and_then(|mut file| {
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(64 * 1024))))?;
        file.read_to_end(&mut text)
    });
    if let Err(error) = read {
        return error.to_string();
    }
    let text = String::from_utf8_lossy(&text);
    let serious = |line: &&str| ["level=fatal", "level=error", "containerd: "].iter().any(|mark| line.contains(mark));
    let line = text.lines().rev().find(serious).or_else(|| text.lines().next_back());
    line.unwrap_or("(nothing)").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_prefers_errors_over_what_follows_them() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, "level=error msg=\"old\"\nlevel=error msg=\"no space\"\nlevel=info msg=\"bye\"\n")
            .unwrap();
        assert_eq!(log_tail(&log, 22), "level=error msg=\"no space\"");
        std::fs::write(&log, "a\nb\n").unwrap();
        assert_eq!(log_tail(&log, 0), "b");
        std::fs::write(&log, "").unwrap();
        assert_eq!(log_tail(&log, 0), "(nothing)");
    }
}
