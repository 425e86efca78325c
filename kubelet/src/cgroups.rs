//! Control groups of pods: the runtime makes them below one parent per pod, and leaves the parents behind.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::volumes::mounts;

/// The cgroup below which the pods of one kubelet get theirs; unique to its directory, so that several clusters can
/// share a machine.
pub fn root(kubelet_dir: &Path) -> String {
    let bytes = kubelet_dir.as_os_str().as_encoded_bytes();
    let tag = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("/corvette/{tag:08x}")
}

/// Parent of the cgroups of a pod's containers.
pub fn of_pod(root: &str, uid: &str) -> String {
    format!("{root}/pod{uid}")
}

/// A cgroup's directory in each hierarchy that is mounted.
fn directories(cgroup: &str) -> io::Result<Vec<PathBuf>> {
    let hierarchies = mounts::list()?.into_iter().filter(|mount| mount.starts_with("/sys/fs/cgroup"));
    let below = cgroup.trim_start_matches('/');
    Ok(hierarchies.map(|mount| mount.join(below)).filter(|dir| dir.is_dir()).collect())
}

/// Uids of the pods that have a cgroup below `root`.
///
/// # Errors
/// When the mount table cannot be read.
pub fn pods(root: &str) -> io::Result<BTreeSet<String>> {
    let entries = directories(root)?.into_iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.strip_prefix("pod").map(ToOwned::to_owned)).collect())
}

/// Removes a cgroup with all below it, from all hierarchies. One that is not there is success.
///
/// # Errors
/// When processes are still in one; the others are removed all the same.
pub fn remove(cgroup: &str) -> io::Result<()> {
    let mut result = Ok(());
    for dir in directories(cgroup)? {
        if let Err(error) = remove_directory(&dir) {
            result = Err(error);
        }
    }
    result
}

fn remove_directory(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_directory(&entry.path())?;
    }
    match std::fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directory_has_a_root_of_its_own() {
        let (one, two) = (root(Path::new("/data/one/kubelet")), root(Path::new("/data/two/kubelet")));
        assert_ne!(one, two);
        assert_eq!(one, root(Path::new("/data/one/kubelet")));
        assert!(of_pod(&one, "u").starts_with("/corvette/") && of_pod(&one, "u").ends_with("/podu"));
    }

    #[test]
    fn a_cgroup_that_is_not_there_is_removed() {
        let nowhere = root(Path::new("/nowhere/at/all"));
        remove(&nowhere).unwrap();
        assert!(pods(&nowhere).unwrap().is_empty());
    }
}
