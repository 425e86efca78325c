//! Network namespaces of pods: files on which containerd keeps them mounted.
//!
//! One that containerd made just before it was killed belongs to no sandbox, and nobody else takes it away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use super::{Config, Error};

/// How often in a row a namespace must be found without a process before it is removed. The first process of a pod that
/// is just being made comes after its network, which can take a while.
const LOOKS: u32 = 4;

/// How often in a row namespaces were found unused.
pub(super) type Seen = BTreeMap<PathBuf, u32>;

/// Removes those that have been unused for long enough, and gives the others that are unused now.
pub(super) fn remove_unused(config: &Config, seen: &Seen) -> Result<Seen, Error> {
    let used = used().map_err(Error::io("list", "/proc"))?;
    let mut unused = Seen::new();
    for path in fs::read_dir(config.namespaces()).into_iter().flatten().flatten().map(|entry| entry.path()) {
        // Without its mount it is an empty file, in which no process can be.
        if fs::metadata(&path).is_ok_and(|meta| used.contains(&(meta.dev(), meta.ino()))) {
            continue;
        }
        let looks = seen.get(&path).copied().unwrap_or_default() + 1;
        if looks < LOOKS {
            unused.insert(path, looks);
        } else {
            tracing::info!(path = %path.display(), "removing a network namespace that containerd has forgotten");
            remove(&path)?;
        }
    }
    Ok(unused)
}

/// The namespaces that processes are in.
fn used() -> std::io::Result<BTreeSet<(u64, u64)>> {
    let processes = fs::read_dir("/proc")?.flatten();
    let namespaces = processes.filter_map(|process| fs::metadata(process.path().join("ns/net")).ok());
    Ok(namespaces.map(|meta| (meta.dev(), meta.ino())).collect())
}

fn remove(path: &Path) -> Result<(), Error> {
    match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
        Err(errno) => return Err(Error::io("unmount", path)(errno.into())),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_namespace_that_stays_without_processes_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path(), "10.244.0.0/24").unwrap();
        fs::create_dir_all(config.namespaces()).unwrap();
        let [ours, empty, plain] = ["ours", "empty", "plain"].map(|name| config.namespaces().join(name));
        for path in [&ours, &empty, &plain] {
            fs::write(path, "").unwrap();
        }
        let mount = |script: &str, path: &Path| {
            assert!(
                Command::new("unshare").args(["--net", "sh", "-c", script, "sh"]).arg(path).status().unwrap().success()
            );
        };
        // A namespace that this process is in, and one that only its mount keeps.
        assert!(Command::new("mount").args(["--bind", "/proc/self/ns/net"]).arg(&ours).status().unwrap().success());
        mount("mount --bind /proc/$$/ns/net \"$1\"", &empty);

        let mut seen = Seen::new();
        for looks in 1..LOOKS {
            seen = remove_unused(&config, &seen).unwrap();
            assert_eq!(seen, Seen::from([(empty.clone(), looks), (plain.clone(), looks)]));
        }
        assert_eq!(remove_unused(&config, &seen).unwrap(), Seen::new());
        assert!(ours.exists() && !empty.exists() && !plain.exists());
        remove(&ours).unwrap();
    }
}
