//! Processes by id and start time, so that a reused id is never taken for the old process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a process that is not our child is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A process, told from a later one with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Clock ticks since boot (`/proc/PID/stat`, field 22).
    start: u64,
}

impl Process {
    /// Looks at a running process; `None` when there is none or it is a zombie.
    pub(crate) fn running(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, so fields are counted from the last one.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let state = *fields.first()?;
        let start = fields.get(19)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, start })
    }

    /// Reads a file written by [`Process::save`]; `None` when there is none, or the process has ended.
    pub(crate) fn load(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        let saved = Self { pid: pid.parse().ok()?, start: start.parse().ok()? };
        saved.alive().then_some(saved)
    }

    /// Remembers the process in a file.
    pub(crate) fn save(self, file: &Path) -> io::Result<()> {
        corvette_component::files::write_atomic(file, format!("{} {}\n", self.pid, self.start).as_bytes(), 0o600)
    }

    /// Whether it still runs.
    pub(crate) fn alive(self) -> bool {
        Self::running(self.pid) == Some(self)
    }

    /// Sends a signal; a process that has ended is success.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        if !self.alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits for its end, at most `limit`; says whether it ended.
    pub(crate) async fn ended_within(self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.ended()).await.is_ok()
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) {
        let mut ticks = tokio::time::interval(POLL);
        while self.alive() {
            ticks.tick().await;
        }
    }
}

/// Lists processes in whose command lines `wanted` finds something, with that.
pub(crate) fn find<T>(wanted: impl Fn(&[&[u8]]) -> Option<T>) -> io::Result<Vec<(Process, T)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(line) = fs::read(PathBuf::from("/proc").join(&name).join("cmdline")) else { continue };
        let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        if let Some(value) = wanted(&arguments) {
            found.extend(Process::running(pid).map(|process| (process, value)));
        }
    }
    Ok(found)
}

/// The children of a process.
pub(crate) fn children(parent: i32) -> io::Result<Vec<Process>> {
    let ids = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |id: &i32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok();
        // State and parent follow the name in parentheses.
        let of = stat.as_ref().and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok());
        of == Some(parent)
    };
    Ok(ids.filter(is_child).filter_map(Process::running).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::running(i32::try_from(child.id()).unwrap()).expect("it runs");
        process.save(&file).unwrap();
        assert_eq!(Process::load(&file), Some(process));
        assert!(
            find(|line| (line.first() == Some(&b"sleep".as_slice())).then_some(())).unwrap().contains(&(process, ()))
        );
        assert!(children(std::process::id().cast_signed()).unwrap().contains(&process));
        assert_eq!(children(process.pid).unwrap(), []);
        process.signal(Signal::SIGKILL).unwrap();
        process.ended().await;
        assert_eq!(Process::load(&file), None, "a zombie does not count");
        child.wait().unwrap();
        process.signal(Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_reused_process_id_is_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        fs::write(&file, format!("{} 1\n", std::process::id())).unwrap();
        assert_eq!(Process::load(&file), None);
        fs::write(&file, "rubbish").unwrap();
        assert_eq!(Process::load(&file), None);
    }
}
