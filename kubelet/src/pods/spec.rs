//! Accessors on pods that hide options and defaults. Pure.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};

/// Default grace period of a pod, in seconds.
pub const DEFAULT_GRACE: i64 = 30;

/// Name of the pod.
pub fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// Namespace of the pod.
pub fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

/// Uid of the pod.
pub fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// `name_namespace(uid)`, as upstream shows pods inside messages.
pub fn display(pod: &Pod) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}

/// Init containers, restartable ones included.
pub fn init_containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default()
}

/// Regular containers.
pub fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default()
}

/// Init and regular containers, in the order in which they start.
pub fn all_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    init_containers(pod).iter().chain(containers(pod))
}

/// Ephemeral containers as the API has them.
pub fn ephemeral(pod: &Pod) -> &[EphemeralContainer] {
    pod.spec.as_ref().and_then(|spec| spec.ephemeral_containers.as_deref()).unwrap_or_default()
}

/// Whether the container is an ephemeral one.
pub fn is_ephemeral(pod: &Pod, name: &str) -> bool {
    ephemeral(pod).iter().any(|container| container.name == name)
}

/// An ephemeral container in the form of the others.
pub fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let own = ephemeral.clone();
    Container {
        args: own.args,
        command: own.command,
        env: own.env,
        env_from: own.env_from,
        image: own.image,
        image_pull_policy: own.image_pull_policy,
        name: own.name,
        resources: own.resources,
        security_context: own.security_context,
        stdin: own.stdin,
        stdin_once: own.stdin_once,
        termination_message_path: own.termination_message_path,
        termination_message_policy: own.termination_message_policy,
        tty: own.tty,
        volume_devices: own.volume_devices,
        volume_mounts: own.volume_mounts,
        working_dir: own.working_dir,
        ..Container::default()
    }
}

/// Finds a container by name, ephemeral ones included.
pub fn any_container<'a>(pod: &'a Pod, name: &str) -> Option<Cow<'a, Container>> {
    let ephemeral = || ephemeral(pod).iter().find(|container| container.name == name).map(as_container);
    container(pod, name).map(Cow::Borrowed).or_else(|| ephemeral().map(Cow::Owned))
}

/// Finds an init or regular container by name.
pub fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    all_containers(pod).find(|container| container.name == name)
}

/// Whether the container is an init container.
pub fn is_init(pod: &Pod, name: &str) -> bool {
    init_containers(pod).iter().any(|container| container.name == name)
}

/// Whether an init container is restartable (a sidecar): it keeps running beside the regular containers.
pub fn is_sidecar(init: &Container) -> bool {
    init.restart_policy.as_deref() == Some("Always")
}

/// Field path of a container for events, such as `spec.containers{name}`.
pub fn field_path(pod: &Pod, name: &str) -> String {
    let list = match (is_init(pod, name), is_ephemeral(pod, name)) {
        (true, _) => "initContainers",
        (_, true) => "ephemeralContainers",
        _ => "containers",
    };
    format!("spec.{list}{{{name}}}")
}

/// When a container that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whatever its exit code.
    Always,
    /// When its exit code is not 0.
    OnFailure,
    /// Never.
    Never,
}

impl RestartPolicy {
    fn parse(text: &str) -> Self {
        match text {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// The pod's restart policy; Always when unset.
pub fn restart_policy(pod: &Pod) -> RestartPolicy {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    RestartPolicy::parse(policy.unwrap_or("Always"))
}

/// Whether a container that ended with `exit_code` is started again: its own rules, then its own policy, then the
/// pod's. Init containers that are not sidecars end for good with exit code 0, ephemeral ones with any.
pub fn restarts(pod: &Pod, container: &Container, exit_code: i32) -> bool {
    if is_ephemeral(pod, &container.name) {
        return false;
    }
    let init = is_init(pod, &container.name);
    if init && is_sidecar(container) {
        return true;
    }
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    let by_rule = rules.iter().any(|rule| {
        rule.action == "Restart"
            && rule.exit_codes.as_ref().is_some_and(|codes| {
                let listed = codes.values.as_deref().unwrap_or_default().contains(&exit_code);
                if codes.operator == "NotIn" { !listed } else { listed }
            })
    });
    if by_rule && !(init && exit_code == 0) {
        return true;
    }
    let policy = container.restart_policy.as_deref().map_or_else(|| restart_policy(pod), RestartPolicy::parse);
    match policy {
        RestartPolicy::Always => !init || exit_code != 0,
        RestartPolicy::OnFailure => exit_code != 0,
        RestartPolicy::Never => false,
    }
}

/// Whether the pod uses the node's network.
pub fn host_network(pod: &Pod) -> bool {
    flag(pod, |spec| spec.host_network)
}

/// Whether the named switch of the pod spec is on.
pub fn flag(pod: &Pod, get: impl Fn(&PodSpec) -> Option<bool>) -> bool {
    pod.spec.as_ref().and_then(get).unwrap_or(false)
}

/// Path of the termination message inside the container.
pub fn termination_path(container: &Container) -> &str {
    container.termination_message_path.as_deref().unwrap_or("/dev/termination-log")
}

/// Source of the termination message: `File` or `FallbackToLogsOnError`.
pub fn termination_policy(container: &Container) -> &str {
    container.termination_message_policy.as_deref().unwrap_or("File")
}

/// Grace period of the pod in seconds: that of its deletion under way, else that of its spec.
pub fn grace_period(pod: &Pod) -> i64 {
    let spec = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    let deletion = pod.metadata.deletion_timestamp.as_ref().and(pod.metadata.deletion_grace_period_seconds);
    deletion.or(spec).unwrap_or(DEFAULT_GRACE).max(0)
}

/// Whether a phase is final.
pub fn is_terminal(phase: &str) -> bool {
    phase == "Succeeded" || phase == "Failed"
}

/// Whether a kubelet has taken the pod and it has not ended.
pub fn acknowledged(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.start_time.is_some()) && !finished(pod)
}

/// Whether the API already holds a final phase for the pod.
pub fn finished(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_some_and(is_terminal)
}
