//! Pods that use more local disk than they may.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::messages;
use super::usage::{Containers, of_tree};
use crate::pods::spec;
use crate::resources;
use crate::status::Verdict;

const STORAGE: &str = "ephemeral-storage";

/// Where the files of a pod are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Directory of its volumes.
    pub(super) volumes: PathBuf,
    /// Directory of its logs.
    pub(super) logs: PathBuf,
}

/// Whether anything limits the pod's use of disk.
pub(super) fn is_limited(pod: &Pod) -> bool {
    empty_dirs(pod).any(|(_, limit)| limit.is_some()) || pod_limit(pod).is_some()
}

/// Volumes of kind emptyDir on the disk, with their limits.
fn empty_dirs(pod: &Pod) -> impl Iterator<Item = (&str, Option<&Quantity>)> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    volumes.iter().filter_map(|volume| {
        let source = volume.empty_dir.as_ref()?;
        let on_disk = source.medium.as_deref().unwrap_or_default() != "Memory";
        on_disk.then_some((volume.name.as_str(), source.size_limit.as_ref()))
    })
}

fn limit(container: &Container) -> Option<i64> {
    resources::limit(container, STORAGE).and_then(resources::value)
}

/// The sum of the containers' limits, when any has one.
fn pod_limit(pod: &Pod) -> Option<i64> {
    let limits: Vec<i64> = spec::containers(pod).iter().filter_map(limit).collect();
    (!limits.is_empty()).then(|| limits.into_iter().fold(0, i64::saturating_add))
}

/// Why a pod must go, if it must: a volume, the pod as a whole or a container takes more than its limit
/// (`pkg/kubelet/eviction: localStorageEviction @ v1.36`). Reads directories: for the blocking pool.
pub(super) fn exceeded(pod: &Pod, place: &Place, used: &Containers) -> Option<Verdict> {
    let mut volumes = 0_i64;
    for (name, limit) in empty_dirs(pod) {
        let size = of_tree(&place.volumes.join(name));
        if let Some(limit) = limit
            && resources::value(limit).is_some_and(|limit| size > limit)
        {
            return Some(messages::empty_dir(name, &limit.0));
        }
        volumes = volumes.saturating_add(size);
    }
    let of = |container: &Container| {
        let written = used.get(&container.name).map_or(0, |usage| usage.disk);
        written.saturating_add(of_tree(&place.logs.join(&container.name)))
    };
    if let Some(limit) = pod_limit(pod) {
        let all = spec::containers(pod).iter().map(of).fold(volumes, i64::saturating_add);
        let every = spec::containers(pod).iter().all(|container| self::limit(container).is_some());
        if every && all > limit {
            return Some(messages::pod(&messages::bytes(limit)));
        }
    }
    spec::containers(pod).iter().find_map(|container| {
        let quantity = resources::limit(container, STORAGE)?;
        (of(container) > resources::value(quantity)?).then(|| messages::container(&container.name, &quantity.0))
    })
}

impl Place {
    pub(super) fn of(pod_dir: &Path, logs: PathBuf) -> Self {
        Self { volumes: pod_dir.join("volumes/kubernetes.io~empty-dir"), logs }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::eviction::usage::Usage;

    #[test]
    fn volumes_pods_and_containers_have_limits() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { volumes: dir.path().join("volumes"), logs: dir.path().join("logs") };
        std::fs::create_dir_all(place.volumes.join("v")).unwrap();
        std::fs::create_dir_all(place.logs.join("c")).unwrap();
        std::fs::write(place.volumes.join("v/file"), vec![1_u8; 3 << 20]).unwrap();
        std::fs::write(place.logs.join("c/0.log"), vec![1_u8; 1 << 20]).unwrap();
        let pod = |size: Option<&str>, storage: Option<&str>| -> Pod {
            serde_json::from_value(json!({"spec": {
                "containers": [{"name": "c", "resources": {"limits": storage.map(|s| json!({STORAGE: s}))}}],
                "volumes": [{"name": "v", "emptyDir": {"sizeLimit": size}}, {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1"}}]
            }}))
            .unwrap()
        };
        let written = |bytes| Containers::from([("c".to_owned(), Usage { memory: 0, disk: bytes })]);
        let why = |pod: &Pod, bytes| exceeded(pod, &place, &written(bytes)).map(|why| why.message);
        assert!(!is_limited(&pod(None, None)) && is_limited(&pod(None, Some("1Gi"))));
        assert_eq!(why(&pod(Some("4Mi"), Some("1Gi")), 0), None);
        assert!(why(&pod(Some("2Mi"), None), 0).unwrap().starts_with("Usage of EmptyDir volume \"v\""));
        assert!(why(&pod(None, Some("5Mi")), 2 << 20).unwrap().ends_with("limit of containers 5Mi. "));
        let two = serde_json::from_value(json!({"spec": {"containers": [
            {"name": "c", "resources": {"limits": {STORAGE: "2Mi"}}}, {"name": "free"}
        ]}}));
        let message = "Container c exceeded its local ephemeral storage limit \"2Mi\". ";
        assert_eq!(why(&two.unwrap(), 2 << 20).as_deref(), Some(message));
    }
}
