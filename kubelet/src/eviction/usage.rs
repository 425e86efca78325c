//! What pods use of memory and disk.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use corvette_proto::cri::{ContainerStats, UInt64Value};

use crate::cri::{self, Runtime};
use crate::pods::labels;

/// What one container uses, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory that cannot be taken from it.
    pub(super) memory: i64,
    /// What it wrote into its own file system.
    pub(super) disk: i64,
}

/// Usage by container name.
pub(super) type Containers = HashMap<String, Usage>;

/// Asks the runtime what all containers use, by pod uid.
pub(super) async fn of_containers(runtime: &Runtime) -> Result<HashMap<String, Containers>, cri::Error> {
    let mut out: HashMap<String, Containers> = HashMap::new();
    for ContainerStats { attributes, memory, writable_layer, .. } in runtime.list_container_stats().await? {
        let labels = attributes.map(|attributes| attributes.labels).unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let usage = Usage {
            memory: number(memory.and_then(|memory| memory.working_set_bytes)),
            disk: number(writable_layer.and_then(|layer| layer.used_bytes)),
        };
        out.entry(label(labels::POD_UID)).or_default().insert(label(labels::CONTAINER_NAME), usage);
    }
    Ok(out)
}

fn number(value: Option<UInt64Value>) -> i64 {
    value.and_then(|value| i64::try_from(value.value).ok()).unwrap_or(0)
}

/// Bytes of disk that a file, or a directory with all below it, takes. What vanishes meanwhile counts nothing.
pub(super) fn of_tree(path: &Path) -> i64 {
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    let own = i64::try_from(meta.blocks().saturating_mul(512)).unwrap_or(i64::MAX);
    if !meta.is_dir() {
        return own;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| of_tree(&entry.path())).fold(own, i64::saturating_add)
}
