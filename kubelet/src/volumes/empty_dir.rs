//! emptyDir: a directory, or a tmpfs, that lives as long as the pod.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;

use super::ownership::{Access, give_to_group};
use super::{Context, Error, blocking, mounts};
use crate::pods::spec;
use crate::resources;

/// Where the bytes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// The node's disk.
    Disk,
    /// Memory, at most this many bytes.
    Memory(Option<u64>),
}

pub(super) fn set_up<'a>(
    context: Context<'a>,
    volume: &'a Volume,
    dir: PathBuf,
) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let source = volume.empty_dir.as_ref();
        let medium = match source.and_then(|source| source.medium.as_deref()).unwrap_or_default() {
            "" => Medium::Disk,
            "Memory" => {
                let limit = source.and_then(|source| source.size_limit.as_ref()).and_then(resources::value);
                Medium::Memory(Some(memory_size(context, limit)))
            }
            other => return Err(Error::Invalid(format!("unsupported storage medium {other:?}"))),
        };
        let ready = context.pod_dir.join("plugins/kubernetes.io~empty-dir").join(&volume.name).join("ready");
        let group = context.fs_group();
        blocking(move || {
            if ready.exists() && is_there(&dir, medium)? {
                return Ok(dir);
            }
            make(&dir, medium)?;
            if let Some(group) = group {
                give_to_group(&dir, group, Access::Write).map_err(Error::io(&dir))?;
            }
            mark(&ready)?;
            Ok(dir)
        })
        .await
    }
    .boxed()
}

/// Size of a memory volume: its limit, at most what the pod's containers may use, at most what the node can allocate.
fn memory_size(context: Context<'_>, limit: Option<i64>) -> u64 {
    let of_container = |container| resources::limit(container, "memory").and_then(resources::value);
    let of_pod: Option<i64> = spec::containers(context.pod).iter().map(of_container).sum();
    let limits = [limit.filter(|limit| *limit > 0), of_pod.filter(|sum| *sum > 0)];
    let size = limits.into_iter().flatten().fold(context.node.memory, i64::min);
    u64::try_from(size).unwrap_or(0)
}

fn is_there(dir: &Path, medium: Medium) -> Result<bool, Error> {
    match medium {
        Medium::Disk => Ok(dir.is_dir()),
        Medium::Memory(_) => mounts::is_mount_point(dir).map_err(Error::io(dir)),
    }
}

/// Makes the directory, mounts it when it is in memory, and opens it to all.
pub(super) fn make(dir: &Path, medium: Medium) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(Error::io(dir))?;
    if let Medium::Memory(size) = medium
        && !mounts::is_mount_point(dir).map_err(Error::io(dir))?
    {
        mounts::mount_tmpfs(dir, size).map_err(Error::io(dir))?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).map_err(Error::io(dir))
}

fn mark(ready: &Path) -> Result<(), Error> {
    if let Some(parent) = ready.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    fs::write(ready, []).map_err(Error::io(ready))
}
