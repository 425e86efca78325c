//! Shims: processes of containerd, each of which holds the containers of one pod.

use std::os::unix::ffi::OsStrExt as _;

use corvette_component::command::run;
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::clean::{remove_dir, unmount_below};
use super::process::{self, Process};
use super::{Config, Error, Programs};

/// The shims that serve our containerd, known by its address among their arguments, with the id of the sandbox that each
/// was started for.
pub(super) fn all(config: &Config) -> Result<Vec<(Process, String)>, Error> {
    find(config, |_| true)
}

/// Those of pods. Somebody may run containers of another kind in our containerd by hand.
pub(super) fn of_pods(config: &Config) -> Result<Vec<(Process, String)>, Error> {
    find(config, |line| line.windows(2).any(|pair| pair == [b"-namespace".as_slice(), b"k8s.io"]))
}

fn find(config: &Config, wanted: impl Fn(&[&[u8]]) -> bool) -> Result<Vec<(Process, String)>, Error> {
    let address = config.socket.as_os_str().as_bytes();
    let ours = |line: &[&[u8]]| {
        let program = line.first().is_some_and(|program| program.ends_with(b"containerd-shim-runc-v2"));
        let id = line.iter().skip_while(|word| **word != b"-id").nth(1)?;
        (program && line.contains(&address) && wanted(line)).then(|| String::from_utf8_lossy(id).into_owned())
    };
    process::find(ours).map_err(Error::io("list", "/proc"))
}

/// Ends a shim that containerd does not know with what it was to hold, and removes its traces.
pub(super) async fn remove(config: &Config, programs: &Programs, shim: Process, id: &str) -> Result<(), Error> {
    let children = process::children(shim.pid).map_err(Error::io("list", "/proc"))?;
    for process in std::iter::once(shim).chain(children) {
        process.signal(Signal::SIGKILL).map_err(Error::io("signal", format!("/proc/{}", process.pid)))?;
    }
    let mut delete = Command::new(&programs.runc);
    delete.arg("--root").arg(config.runc_root().join("k8s.io")).args(["delete", "--force", id]);
    run("runc delete", &mut delete).await?;
    let bundle = config.tasks().join(id);
    unmount_below(&bundle)?;
    remove_dir(&bundle)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process with a shim's command line that has a child and waits for the end of its input.
    fn shim(config: &Config, namespace: &str, id: &str) -> Child {
        let mut command = Command::new("sh");
        command.arg0("/usr/bin/containerd-shim-runc-v2");
        command.args(["-c", "sleep 1000000 & read line", "sh", "-namespace", namespace, "-id", id]);
        command.arg("-address").arg(&config.socket).stdin(Stdio::piped()).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_shim_is_known_by_its_arguments_and_goes_with_all_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path(), "10.244.0.0/24").unwrap();
        std::fs::create_dir_all(config.tasks().join("forgotten").join("rootfs")).unwrap();
        let other = Config::new(Path::new("/elsewhere"), "10.244.0.0/24").unwrap();
        let mut forgotten = shim(&config, "k8s.io", "forgotten");
        let mut theirs = shim(&other, "k8s.io", "forgotten");
        let mut by_hand = shim(&config, "default", "forgotten");
        while all(&config).unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        let (process, child) = loop {
            if let [(process, id)] = of_pods(&config).unwrap().as_slice()
                && let [child] = process::children(process.pid).unwrap().as_slice()
            {
                assert_eq!(id, "forgotten");
                break (*process, *child);
            }
            tokio::task::yield_now().await;
        };

        remove(&config, &Programs::find().unwrap(), process, "forgotten").await.unwrap();
        assert_eq!(forgotten.wait().unwrap().signal(), Some(9));
        child.ended().await;
        assert!(!config.tasks().join("forgotten").exists());
        for other in [&mut theirs, &mut by_hand] {
            assert!(other.try_wait().unwrap().is_none());
            for process in process::children(other.id().cast_signed()).unwrap() {
                process.signal(Signal::SIGKILL).unwrap();
            }
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
