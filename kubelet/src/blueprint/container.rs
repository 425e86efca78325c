//! Configuration of containers.

use std::collections::BTreeMap;

use corvette_proto::cri::{
    ContainerConfig, ContainerMetadata, ImageSpec, KeyValue, LinuxContainerConfig, Mount, NamespaceMode, Signal,
};
use k8s_openapi::api::core::v1::{Container, Pod};

use super::{Host, ImageUser, limits, security};
use crate::env;
use crate::pods::labels;

/// What was prepared for a container.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a Container,
    /// Restart count of the new instance.
    pub restart_count: u32,
    /// Id of the image on the node.
    pub image: String,
    /// User of the image.
    pub image_user: ImageUser,
    /// Environment.
    pub variables: BTreeMap<String, String>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Id of the container whose processes an ephemeral one sees.
    pub target: Option<String>,
}

/// Makes the configuration of a container.
pub fn container(parts: Parts<'_>, host: &Host) -> ContainerConfig {
    let Parts { pod, container, restart_count, .. } = parts;
    let lookup = |name: &str| parts.variables.get(name).map(String::as_str);
    let expanded = |words: &Option<Vec<String>>| -> Vec<String> {
        words.iter().flatten().map(|word| env::expand(word, lookup)).collect()
    };
    let mut security = security::container(pod, container, &parts.image_user, &host.seccomp_dir);
    if let (Some(target), Some(namespaces)) = (&parts.target, &mut security.namespace_options) {
        namespaces.pid = NamespaceMode::Target.into();
        namespaces.target_id.clone_from(target);
    }
    let user_image = container.image.clone().unwrap_or_default();
    let flag = |flag: Option<bool>| flag.unwrap_or(false);
    ContainerConfig {
        metadata: Some(ContainerMetadata { name: container.name.clone(), attempt: restart_count }),
        image: Some(ImageSpec { image: parts.image.clone(), user_specified_image: user_image, ..ImageSpec::default() }),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        labels: labels::of_container(pod, container),
        annotations: labels::annotations(pod, container, restart_count),
        mounts: parts.mounts.clone(),
        log_path: labels::log_file(&container.name, restart_count),
        stdin: flag(container.stdin),
        stdin_once: flag(container.stdin_once),
        tty: flag(container.tty),
        linux: Some(LinuxContainerConfig {
            resources: Some(limits(pod, container, host.capacity, host.oom_floor)),
            security_context: Some(security),
        }),
        stop_signal: stop_signal(container).into(),
        envs: parts.variables.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
        ..ContainerConfig::default()
    }
}

fn stop_signal(container: &Container) -> Signal {
    let name = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.as_deref());
    let name = name.map(|name| name.replace('+', "PLUS").replace('-', "MINUS"));
    name.and_then(|name| Signal::from_str_name(&name)).unwrap_or(Signal::RuntimeDefault)
}
