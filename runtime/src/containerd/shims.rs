//! Shims: processes of containerd, each of which holds the containers of one pod.
//!
//! A containerd whose client goes away while a pod is made, or that is itself killed then, can forget a shim that it
//! has just started. Such a shim never ends: it has no containers, and nobody talks to it.

use std::os::unix::ffi::OsStrExt as _;

use nix::sys::signal::Signal;

use super::process::{self, Process};
use super::{Config, Error};

/// The shims that serve our containerd, known by its address among their arguments, with the id that each was started
/// for.
pub(super) fn all(config: &Config) -> Result<Vec<(Process, String)>, Error> {
    let address = config.socket.as_os_str().as_bytes();
    let ours = |line: &[&[u8]]| {
        let program = line.first().is_some_and(|program| program.ends_with(b"containerd-shim-runc-v2"));
        let id = line.iter().skip_while(|word| **word != b"-id").nth(1)?;
        (program && line.contains(&address)).then(|| String::from_utf8_lossy(id).into_owned())
    };
    process::find(ours).map_err(Error::io("list", "/proc"))
}

/// Kills those shims that neither hold a container nor have a task, and had none when they were looked at before; gives
/// the ones to look at again. One that is just starting or ending looks the same for a moment.
pub(super) fn end_forgotten(config: &Config, before: &[Process]) -> Result<Vec<Process>, Error> {
    let shims = all(config)?;
    let parents = process::parents().map_err(Error::io("list", "/proc"))?;
    let idle = |shim: &(Process, String)| !parents.contains(&shim.0.pid) && !config.tasks().join(&shim.1).exists();
    let (again, new): (Vec<Process>, Vec<Process>) =
        shims.into_iter().filter(idle).map(|(process, _)| process).partition(|process| before.contains(process));
    for shim in again {
        tracing::info!(pid = shim.pid, "ending a shim that containerd has forgotten");
        shim.signal(Signal::SIGKILL).map_err(Error::io("signal", format!("/proc/{}", shim.pid)))?;
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process with a shim's command line that does nothing, in `script`'s way.
    fn shim(config: &Config, id: &str, script: &str) -> Child {
        let mut command = Command::new("sh");
        command.arg0("/usr/bin/containerd-shim-runc-v2").args(["-c", script, "sh", "-namespace", "k8s.io", "-id", id]);
        command.arg("-address").arg(&config.socket).stdin(Stdio::piped()).spawn().unwrap()
    }

    fn process(child: &Child) -> Process {
        Process::running(child.id().cast_signed()).unwrap()
    }

    #[tokio::test]
    async fn only_a_shim_that_stays_without_task_and_container_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path(), "10.244.0.0/24").unwrap();
        std::fs::create_dir_all(config.tasks().join("known")).unwrap();
        let other = Config::new(Path::new("/elsewhere"), "10.244.0.0/24").unwrap();
        let mut forgotten = shim(&config, "forgotten", "read line");
        let mut known = shim(&config, "known", "read line");
        let mut busy = shim(&config, "busy", "cat; true");
        let mut theirs = shim(&other, "forgotten", "read line");
        while !process::parents().unwrap().contains(&process(&busy).pid) || all(&config).unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }

        let suspects = end_forgotten(&config, &[]).unwrap();
        assert_eq!(suspects, [process(&forgotten)]);
        assert_eq!(end_forgotten(&config, &suspects).unwrap(), []);
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&forgotten.wait().unwrap()), Some(9));
        for other in [&mut known, &mut busy, &mut theirs] {
            assert!(other.try_wait().unwrap().is_none());
            drop(other.stdin.take());
            other.wait().unwrap();
        }
    }
}
