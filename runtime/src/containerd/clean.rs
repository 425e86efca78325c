//! Takes a runtime away: containers, mounts, network namespaces, the bridge and CNI's notes; with `reset` the data too.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cri::Cri;
use super::daemon::{end, running};
use super::process::Process;
use super::{Config, Error, Programs, rules, shims};
use corvette_component::command::run;
use corvette_component::tasks::Tasks;

/// libcni's cache of results, shared by all networks of a machine; entries start with the network's name.
const CNI_RESULTS: &str = "/var/lib/cni/results";
/// How long killed shims may take to end.
const SHIMS_WITHIN: Duration = Duration::from_secs(10);
/// How long containerd may take to remove all sandboxes. What is left of them then is removed by hand.
const SANDBOXES_WITHIN: Duration = Duration::from_secs(30);
/// How many sandboxes or containers are removed at a time. Each takes several processes: more would only wait for each
/// other until deadlines pass.
const AT_ONCE: usize = 8;

/// Ends containerd. Containers go on, and [`super::start`] finds them again.
///
/// # Errors
/// [`Error::Stuck`] when it does not end.
pub async fn stop(config: &Config) -> Result<(), Error> {
    if let Some(process) = running(config) {
        end(process).await?;
    }
    remove_file(&config.pid_file())
}

/// Removes every container, mount, network namespace, address and interface of this data directory, and ends
/// containerd. Images and the rest of the data stay. Repeatable, also when nothing runs or nothing is installed.
///
/// # Errors
/// The first thing that could not be removed.
pub async fn clean(config: &Config) -> Result<(), Error> {
    if let Err(error) = remove_sandboxes(config).await {
        tracing::warn!(%error, "the runtime does not remove its pods; removing what they left by hand");
    }
    stop(config).await?;
    if let Err(error) = remove_containers(config).await {
        tracing::warn!(%error, "runc does not delete its containers; their processes go with their control groups");
    }
    end_shims(config).await?;
    unmount_below(&config.data_dir)?;
    remove_bridge(&config.bridge).await?;
    rules::remove(&config.network).await?;
    remove_dir(&config.ipam_dir())?;
    remove_cni_results(&config.network)?;
    remove_dir(&config.state())?;
    remove_file(&config.socket)?;
    remove_file(&config.socket.with_extension("sock.ttrpc"))
}

/// [`clean`], and removes images and all else of the runtime's directory.
///
/// # Errors
/// As [`clean`].
pub async fn reset(config: &Config) -> Result<(), Error> {
    clean(config).await?;
    remove_dir(&config.dir)
}

/// Has containerd itself remove all sandboxes: only it releases host ports and addresses in order. It is started for
/// that when it does not run but left state behind.
async fn remove_sandboxes(config: &Config) -> Result<(), Error> {
    if !config.state().exists() {
        return Ok(());
    }
    let tasks = Tasks::new("clean");
    if running(config).is_none() {
        super::start(config.clone(), &tasks).await?;
    }
    let cri = Cri::new(&config.socket);
    let emptied = async {
        let ids = cri.sandboxes().await?;
        let removals = ids.into_iter().map(|id| {
            let cri = cri.clone();
            async move { Ok(cri.remove_sandbox(&id).await?) }
        });
        all(removals).await
    };
    let outcome = tokio::time::timeout(SANDBOXES_WITHIN, emptied).await.unwrap_or_else(|_| {
        let message = format!("not all sandboxes are removed after {} s", SANDBOXES_WITHIN.as_secs());
        Err(Error::Cri(tonic::Status::deadline_exceeded(message)))
    });
    // Ends the supervision, or it would start containerd again.
    if let Err(names) = tasks.shutdown(SHIMS_WITHIN).await {
        tracing::warn!(?names, "tasks did not end");
    }
    outcome
}

/// Does all of these, [`AT_ONCE`] at a time, also after one has failed; gives the first failure.
async fn all<F>(works: impl IntoIterator<Item = F>) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for work in works {
        let permits = Arc::clone(&permits);
        running.spawn(async move {
            let _permit = permits.acquire().await.expect("the semaphore is never closed");
            work.await
        });
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(Error::Cri(tonic::Status::internal(error.to_string()))));
        outcome = outcome.and(ended);
    }
    outcome
}

/// Has runc kill and delete what containerd did not.
async fn remove_containers(config: &Config) -> Result<(), Error> {
    let root = config.runc_root().join("k8s.io");
    let Ok(entries) = fs::read_dir(&root) else { return Ok(()) };
    let Ok(programs) = Programs::find() else { return Ok(()) };
    let deletions = entries.flatten().map(|entry| {
        let mut command = Command::new(&programs.runc);
        command.arg("--root").arg(&root).args(["delete", "--force"]).arg(entry.file_name());
        async move {
            run("runc delete", &mut command).await?;
            Ok(())
        }
    });
    all(deletions.collect::<Vec<_>>()).await
}

/// Kills the shims of our containerd.
async fn end_shims(config: &Config) -> Result<(), Error> {
    let shims: Vec<Process> = shims::all(config)?.into_iter().map(|(process, _)| process).collect();
    for shim in &shims {
        shim.signal(Signal::SIGKILL).map_err(Error::io("signal", format!("/proc/{}", shim.pid)))?;
    }
    for shim in shims {
        if !shim.ended_within(SHIMS_WITHIN).await {
            return Err(Error::Stuck { pid: shim.pid });
        }
    }
    Ok(())
}

/// Unmounts everything below a directory, the last mounted first.
pub(super) fn unmount_below(dir: &Path) -> Result<(), Error> {
    let table = fs::read("/proc/self/mountinfo").map_err(Error::io("read", "/proc/self/mountinfo"))?;
    for point in mount_points(&table).into_iter().rev().filter(|point| point.starts_with(dir) && point != dir) {
        match umount2(&point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
            Err(errno) => return Err(Error::io("unmount", point)(errno.into())),
        }
    }
    Ok(())
}

/// Mount points of a mountinfo table, in its order. Spaces and the like are written there as `\040`.
fn mount_points(table: &[u8]) -> Vec<PathBuf> {
    let lines = table.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(|point| PathBuf::from(std::ffi::OsStr::from_bytes(&unescape(point)))).collect()
}

/// Replaces `\ooo` by the byte.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Deletes the pods' bridge if it is there.
async fn remove_bridge(name: &str) -> Result<(), Error> {
    // Not /sys/class/net: that shows the network namespace in which sysfs was mounted, which need not be ours.
    if nix::net::if_::if_nametoindex(name).is_err() {
        return Ok(());
    }
    run("ip link delete", Command::new("ip").args(["link", "delete", name, "type", "bridge"])).await?;
    Ok(())
}

/// Removes libcni's notes on our network.
fn remove_cni_results(network: &str) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(CNI_RESULTS) else { return Ok(()) };
    let prefix = format!("{network}-");
    for entry in entries.flatten() {
        if entry.file_name().as_bytes().starts_with(prefix.as_bytes()) {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file that may be missing.
fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a directory that may be missing.
pub(super) fn remove_dir(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_that_fails_keeps_none_of_the_others_from_being_done() {
        let (done, busy, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let works = (0..50).map(|n| {
            let (done, busy, most) = (done.clone(), busy.clone(), most.clone());
            async move {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                busy.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                if n == 0 { Err(Error::Stuck { pid: 1 }) } else { Ok(()) }
            }
        });
        assert!(matches!(all(works).await, Err(Error::Stuck { pid: 1 })));
        assert_eq!(done.load(Ordering::SeqCst), 50);
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }

    #[test]
    fn mount_points_are_read_in_order_and_unescaped() {
        let table = b"22 1 0:20 / / rw - ext4 /dev/vda rw\n23 22 0:21 / /a\\040b/c rw shared:1 - tmpfs tmpfs rw\n\nx";
        assert_eq!(mount_points(table), [PathBuf::from("/"), PathBuf::from("/a b/c")]);
        assert_eq!(unescape(b"\\134\\"), b"\\\\");
    }
}
