//! Control groups of pods: the runtime makes them below one parent per pod, and leaves the parents behind.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::blueprint::PodLimits;
use crate::volumes::mounts;

/// The cgroup below which the pods of one kubelet get theirs; unique to its directory, so that several clusters can
/// share a machine.
pub fn root(kubelet_dir: &Path) -> String {
    let bytes = kubelet_dir.as_os_str().as_encoded_bytes();
    let tag = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("/corvette-{tag:08x}")
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

/// Limits all containers of a pod together. Only files that are there are written: which ones depends on the version of
/// control groups and on the hierarchy.
///
/// # Errors
/// What the kernel refuses.
pub fn limit(cgroup: &str, limits: &PodLimits) -> io::Result<()> {
    for dir in directories(cgroup)? {
        for (file, value) in settings(limits) {
            let path = dir.join(file);
            if path.exists() {
                std::fs::write(&path, value)?;
            }
        }
    }
    Ok(())
}

/// What is written to which file, for both versions of control groups.
fn settings(limits: &PodLimits) -> [(&'static str, String); 7] {
    let or = |amount: i64, without: &str| if amount > 0 { amount.to_string() } else { without.to_owned() };
    let period = PodLimits::CPU_PERIOD;
    // As runc translates the shares of containers.
    let weight = 1 + (limits.cpu_shares - 2).max(0) * 9999 / 262_142;
    [
        ("cpu.shares", limits.cpu_shares.to_string()),
        ("cpu.cfs_period_us", period.to_string()),
        ("cpu.cfs_quota_us", or(limits.cpu_quota, "-1")),
        ("memory.limit_in_bytes", or(limits.memory, "-1")),
        ("cpu.weight", weight.to_string()),
        ("cpu.max", format!("{} {period}", or(limits.cpu_quota, "max"))),
        ("memory.max", or(limits.memory, "max")),
    ]
}

/// Kills what runs in a cgroup and below it, and says how many processes that were. Processes that a container's end
/// did not take along, such as those of a runtime that was itself killed, are found nowhere else.
///
/// # Errors
/// When the mount table cannot be read or a process cannot be killed.
pub fn kill(cgroup: &str) -> io::Result<usize> {
    let mut processes = BTreeSet::new();
    for dir in directories(cgroup)? {
        collect_processes(&dir, &mut processes)?;
    }
    for process in &processes {
        match nix::sys::signal::kill(Pid::from_raw(*process), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(processes.len())
}

fn collect_processes(dir: &Path, processes: &mut BTreeSet<i32>) -> io::Result<()> {
    let Some(entries) = entries(dir)? else { return Ok(()) };
    // One that has gone meanwhile has no processes.
    let listed = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    // 0 stands for a process of another process namespace than ours.
    processes.extend(listed.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|process| *process > 0));
    entries.iter().try_for_each(|below| collect_processes(below, processes))
}

/// The cgroups directly below one; `None` when it is not there.
fn entries(dir: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        entries => {
            let below = entries?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            Ok(Some(below.map(|entry| entry.path()).collect()))
        }
    }
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
    let Some(entries) = entries(dir)? else { return Ok(()) };
    entries.iter().try_for_each(|below| remove_directory(below))?;
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
        assert!(of_pod(&one, "u").starts_with("/corvette-") && of_pod(&one, "u").ends_with("/podu"));
    }

    #[test]
    fn what_runs_below_a_cgroup_is_killed_before_it_is_removed() {
        let root = format!("/cvk-kill-{}", std::process::id());
        let groups = mounts::list().unwrap().into_iter().filter(|mount| mount.starts_with("/sys/fs/cgroup"));
        let hierarchy = groups.into_iter().find(|mount| {
            std::fs::read_dir(mount)
                .is_ok_and(|mut dir| dir.any(|entry| entry.is_ok_and(|entry| entry.file_name() == "cgroup.procs")))
        });
        let below = hierarchy.unwrap().join(root.trim_start_matches('/')).join("podx").join("container");
        std::fs::create_dir_all(&below).unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000000").spawn().unwrap();
        std::fs::write(below.join("cgroup.procs"), child.id().to_string()).unwrap();
        assert_eq!(kill(&root).unwrap(), 1);
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
        assert_eq!(kill(&root).unwrap(), 0);
        remove(&root).unwrap();
        assert!(!below.exists() && pods(&root).unwrap().is_empty());
    }

    #[test]
    fn a_cgroup_that_is_not_there_is_removed() {
        let nowhere = root(Path::new("/nowhere/at/all"));
        remove(&nowhere).unwrap();
        assert!(pods(&nowhere).unwrap().is_empty());
    }
}
