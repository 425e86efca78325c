//! Names under which a pod is known to the runtime: labels, annotations, log paths.
//!
//! They are the kubelet's memory across restarts, so they are those of upstream
//! (`pkg/kubelet/types/labels.go`, `pkg/kubelet/kuberuntime/labels.go @ v1.36`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use super::{sizes, spec};

/// Label: name of the pod.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// Label: namespace of the pod.
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// Label: uid of the pod.
pub const POD_UID: &str = "io.kubernetes.pod.uid";
/// Label: name of the container in its pod.
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// Annotation: hash of what a change of which needs a new container.
pub const CONTAINER_HASH: &str = "io.kubernetes.container.hash";
/// Annotation: how often the container was started anew.
pub const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
/// Annotation: path of the termination message inside the container.
pub const TERMINATION_PATH: &str = "io.kubernetes.container.terminationMessagePath";
/// Annotation: where the termination message comes from.
pub const TERMINATION_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
/// Annotation: the sizes that the container was made with, as JSON.
pub const SIZES: &str = "io.kubernetes.container.resources";
/// Annotation: the pod's grace period, in seconds.
pub const POD_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";
/// Annotation: the grace period of a deletion under way when the container was made, in seconds.
pub const POD_DELETION_GRACE: &str = "io.kubernetes.pod.deletionGracePeriod";

/// Labels of a pod's sandbox: the pod's own and those that identify it.
pub fn of_sandbox(pod: &Pod) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> =
        pod.metadata.labels.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    labels.insert(POD_NAME.to_owned(), spec::name(pod).to_owned());
    labels.insert(POD_NAMESPACE.to_owned(), spec::namespace(pod).to_owned());
    labels.insert(POD_UID.to_owned(), spec::uid(pod).to_owned());
    labels
}

/// Labels of a container.
pub fn of_container(pod: &Pod, container: &Container) -> HashMap<String, String> {
    HashMap::from([
        (POD_NAME.to_owned(), spec::name(pod).to_owned()),
        (POD_NAMESPACE.to_owned(), spec::namespace(pod).to_owned()),
        (POD_UID.to_owned(), spec::uid(pod).to_owned()),
        (CONTAINER_NAME.to_owned(), container.name.clone()),
    ])
}

/// Annotations of a container.
pub fn annotations(pod: &Pod, container: &Container, restart_count: u32) -> HashMap<String, String> {
    let mut out = HashMap::from([
        (CONTAINER_HASH.to_owned(), hash(container)),
        (RESTART_COUNT.to_owned(), restart_count.to_string()),
        (TERMINATION_PATH.to_owned(), spec::termination_path(container).to_owned()),
        (TERMINATION_POLICY.to_owned(), spec::termination_policy(container).to_owned()),
    ]);
    if let Ok(sizes) = serde_json::to_string(&sizes::of(container.resources.as_ref())) {
        out.insert(SIZES.to_owned(), sizes);
    }
    if let Some(grace) = pod.spec.as_ref().and_then(|s| s.termination_grace_period_seconds) {
        out.insert(POD_GRACE.to_owned(), grace.to_string());
    }
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        out.insert(POD_DELETION_GRACE.to_owned(), grace.to_string());
    }
    out
}

/// Hash of the container fields whose change needs a new container: name and image. 32-bit FNV-1a, in hex; it must
/// never change, since running containers carry it.
pub fn hash(container: &Container) -> String {
    let image = container.image.as_deref().unwrap_or_default();
    let bytes = container.name.bytes().chain([0]).chain(image.bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:x}")
}

/// Sizes of a container as its annotation has them.
pub fn sizes(annotation: &str) -> Option<ResourceRequirements> {
    serde_json::from_str(annotation).ok()
}

/// Directory of a pod's logs: `<log_dir>/<namespace>_<name>_<uid>`.
pub fn log_directory(log_dir: &Path, namespace: &str, name: &str, uid: &str) -> PathBuf {
    log_dir.join(format!("{namespace}_{name}_{uid}"))
}

/// Path of a container's log below its pod's directory: `<container>/<restart count>.log`.
pub fn log_file(container: &str, restart_count: u32) -> String {
    format!("{container}/{restart_count}.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_depends_on_name_and_image_only() {
        let mut container = Container { name: "a".into(), image: Some("busybox:1".into()), ..Default::default() };
        let first = hash(&container);
        container.working_dir = Some("/tmp".into());
        assert_eq!(hash(&container), first);
        container.image = Some("busybox:2".into());
        assert_ne!(hash(&container), first);
    }

    #[test]
    fn hash_is_stable_across_versions() {
        let container = Container { name: "a".into(), image: Some("b".into()), ..Default::default() };
        assert_eq!(
            hash(&container),
            format!("{:x}", {
                let mut h: u32 = 2_166_136_261;
                for b in [b'a', 0, b'b'] {
                    h = (h ^ u32::from(b)).wrapping_mul(16_777_619);
                }
                h
            })
        );
    }
}
