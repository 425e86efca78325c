//! Network namespaces of pods: files on which containerd keeps them mounted.
//!
//! One that containerd made just before it was killed belongs to no sandbox, and nobody else takes it away.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use super::{Config, Error};

/// Those that no process is in. The first process of a pod that is being made comes after its network.
pub(super) fn unused(config: &Config) -> Result<Vec<PathBuf>, Error> {
    let used = used().map_err(Error::io("list", "/proc"))?;
    let paths = fs::read_dir(config.namespaces()).into_iter().flatten().flatten().map(|entry| entry.path());
    // Without its mount it is an empty file, in which no process can be.
    let is_used = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| used.contains(&(meta.dev(), meta.ino())));
    Ok(paths.filter(|path| !is_used(path)).collect())
}

/// The namespaces that processes are in.
fn used() -> std::io::Result<BTreeSet<(u64, u64)>> {
    let processes = fs::read_dir("/proc")?.flatten();
    let namespaces = processes.filter_map(|process| fs::metadata(process.path().join("ns/net")).ok());
    Ok(namespaces.map(|meta| (meta.dev(), meta.ino())).collect())
}

/// Unmounts one and removes its file.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
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
    fn namespaces_without_processes_are_found_and_removed() {
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

        let mut found = unused(&config).unwrap();
        found.sort();
        assert_eq!(found, [empty.clone(), plain.clone()]);
        for path in [&empty, &plain, &ours] {
            remove(path).unwrap();
            assert!(!path.exists());
        }
    }
}
