//! One process for each data directory: a locked file that holds the process id.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use corvette_component::backoff::Backoff;
use corvette_component::files;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::layout::Layout;

/// How long a process that was just killed may take to let go of the directory.
const RELEASE_DEADLINE: Duration = Duration::from_millis(500);
/// How long a running process may take to stop before it is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// Held while a process runs on a data directory.
pub struct Instance {
    _lock: Flock<File>,
}

impl Instance {
    /// Makes a data directory that only its owner may enter, and takes it. A supervisor starts anew at once what was
    /// killed, while the kernel still takes the old process down: that is waited for.
    pub fn of(layout: &Layout) -> Result<Self> {
        let root = layout.root();
        let private = files::create_dir(root, 0o700)
            .and_then(|()| std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o700)));
        private.with_context(|| format!("cannot create {}", root.display()))?;
        Self::within(RELEASE_DEADLINE, &layout.lock())
    }

    /// Takes the directory of `path` once it is free. At least one attempt is made.
    ///
    /// # Errors
    /// That of the last attempt.
    fn within(deadline: Duration, path: &Path) -> Result<Self> {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));
        let mut waited = Duration::ZERO;
        loop {
            match Self::acquire(path) {
                Err(_) if waited < deadline => {}
                outcome => return outcome,
            }
            let pause = backoff.next();
            waited += pause;
            std::thread::park_timeout(pause);
        }
    }

    /// Takes the directory of `path`, or names the process that has it.
    fn acquire(path: &Path) -> Result<Self> {
        let file = open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let write = |lock: &mut Flock<File>| {
                    lock.set_len(0)?;
                    lock.rewind()?;
                    lock.write_all(std::process::id().to_string().as_bytes())
                };
                write(&mut lock).with_context(|| path.display().to_string())?;
                Ok(Self { _lock: lock })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let dir = path.parent().unwrap_or(path).display();
                bail!("{dir} is in use by process {}; stop it with `corvette down --data-dir {dir}`", holder(&mut file))
            }
            Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Stops the process that holds the directory, if one does, and takes its place.
    pub fn take_over(path: &Path) -> Result<Self> {
        if let Ok(instance) = Self::acquire(path) {
            return Ok(instance);
        }
        let mut file = open(path)?;
        let pid: i32 = holder(&mut file).parse().context("no process id in the lock file")?;
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if let Err(error) = kill(Pid::from_raw(pid), signal)
                && error != Errno::ESRCH
            {
                bail!("process {pid} cannot be stopped: {error}");
            }
            if let Ok(instance) = Self::within(STOP_DEADLINE, path) {
                return Ok(instance);
            }
        }
        bail!("process {pid} does not stop")
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(_) if !pid.is_empty() => pid,
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_its_holder_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Instance::acquire(&path).unwrap();
        let refused = Instance::within(Duration::from_millis(1), &path).err().unwrap().to_string();
        assert!(refused.contains(&format!("is in use by process {}", std::process::id())), "{refused}");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Instance::within(Duration::from_secs(3600), &path));
            drop(held);
            assert!(waiting.join().unwrap().is_ok());
        });
    }
}
