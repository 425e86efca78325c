//! Security contexts in CRI terms. As upstream's `pkg/kubelet/kuberuntime/security_context.go @ v1.36`, except that the
//! runtime's default seccomp profile is used where a pod names none.

use corvette_proto::cri::{
    Capability, Int64Value, LinuxContainerSecurityContext, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption,
    SeLinuxOption, SecurityProfile, SupplementalGroupsPolicy, security_profile::ProfileType,
};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, Pod, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext,
};

use crate::pods::spec;

/// Masked in a container unless it asks for the bare `/proc`.
const MASKED: [&str; 13] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
];
/// Read only in a container unless it asks for the bare `/proc`.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The user that an image names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageUser {
    /// Numeric user, when the image gives one; 0 when it names none.
    pub uid: Option<i64>,
    /// Name, when the image gives one.
    pub name: String,
}

fn of_pod(pod: &Pod) -> Option<&PodSecurityContext> {
    pod.spec.as_ref()?.security_context.as_ref()
}

fn run_as_user(pod: &Pod, container: &Container) -> Option<i64> {
    let own = container.security_context.as_ref().and_then(|context| context.run_as_user);
    own.or_else(|| of_pod(pod).and_then(|context| context.run_as_user))
}

/// Whether the container is privileged.
fn privileged(container: &Container) -> bool {
    container.security_context.as_ref().and_then(|context| context.privileged).unwrap_or(false)
}

/// Checks `runAsNonRoot`.
///
/// # Errors
/// The message of CreateContainerConfigError.
pub fn check_non_root(pod: &Pod, container: &Container, image: &ImageUser) -> Result<(), String> {
    let own = container.security_context.as_ref().and_then(|context| context.run_as_non_root);
    let wanted = own.or_else(|| of_pod(pod).and_then(|context| context.run_as_non_root)).unwrap_or(false);
    if !wanted {
        return Ok(());
    }
    let place = format!("(pod: \"{}\", container: {})", spec::display(pod), container.name);
    match (run_as_user(pod, container), image.uid) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy {place}")),
        (Some(_), _) => Ok(()),
        (None, Some(0)) => Err(format!("container has runAsNonRoot and image will run as root {place}")),
        (None, None) if !image.name.is_empty() => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is non-root {place}",
            image.name
        )),
        (None, _) => Ok(()),
    }
}

pub(super) fn namespaces(pod: &Pod) -> NamespaceOption {
    let node_or = |node, other| if node { NamespaceMode::Node } else { other };
    let shared_pid = spec::flag(pod, |spec| spec.share_process_namespace);
    let own_pid = if shared_pid { NamespaceMode::Pod } else { NamespaceMode::Container };
    NamespaceOption {
        network: node_or(spec::host_network(pod), NamespaceMode::Pod).into(),
        pid: node_or(spec::flag(pod, |spec| spec.host_pid), own_pid).into(),
        ipc: node_or(spec::flag(pod, |spec| spec.host_ipc), NamespaceMode::Pod).into(),
        ..NamespaceOption::default()
    }
}

/// Groups beside the primary one: those that the pod names, and its `fsGroup`.
fn groups(pod: &Pod) -> Vec<i64> {
    let Some(context) = of_pod(pod) else { return Vec::new() };
    context.supplemental_groups.iter().flatten().copied().chain(context.fs_group).collect()
}

fn groups_policy(pod: &Pod) -> i32 {
    let strict = of_pod(pod).and_then(|context| context.supplemental_groups_policy.as_deref()) == Some("Strict");
    if strict { SupplementalGroupsPolicy::Strict.into() } else { SupplementalGroupsPolicy::Merge.into() }
}

fn int(value: i64) -> Int64Value {
    Int64Value { value }
}

fn se_linux(options: &SELinuxOptions) -> SeLinuxOption {
    SeLinuxOption {
        user: options.user.clone().unwrap_or_default(),
        role: options.role.clone().unwrap_or_default(),
        r#type: options.type_.clone().unwrap_or_default(),
        level: options.level.clone().unwrap_or_default(),
    }
}

fn profile(kind: &str, localhost: Option<&str>) -> SecurityProfile {
    let kind = match kind {
        "Unconfined" => ProfileType::Unconfined,
        "Localhost" => ProfileType::Localhost,
        _ => ProfileType::RuntimeDefault,
    };
    SecurityProfile { profile_type: kind.into(), localhost_ref: localhost.unwrap_or_default().to_owned() }
}

/// The seccomp profile: the container's, else the pod's, else the runtime's default; none for a privileged container.
/// Local profiles live below `directory`.
fn seccomp(pod: &Pod, own: Option<&SeccompProfile>, privileged: bool, directory: &str) -> SecurityProfile {
    if privileged {
        return profile("Unconfined", None);
    }
    match own.or_else(|| of_pod(pod).and_then(|context| context.seccomp_profile.as_ref())) {
        Some(named) => {
            let local = named.localhost_profile.as_deref().map(|path| format!("{directory}/{path}"));
            profile(&named.type_, local.as_deref())
        }
        None => profile("RuntimeDefault", None),
    }
}

fn apparmor(pod: &Pod, own: Option<&AppArmorProfile>) -> Option<SecurityProfile> {
    let named = own.or_else(|| of_pod(pod).and_then(|context| context.app_armor_profile.as_ref()))?;
    Some(profile(&named.type_, named.localhost_profile.as_deref()))
}

/// Security of the sandbox.
pub(super) fn sandbox(pod: &Pod, seccomp_directory: &str) -> LinuxSandboxSecurityContext {
    let context = of_pod(pod);
    let privileged = spec::all_containers(pod).any(privileged);
    LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(pod)),
        selinux_options: context.and_then(|context| context.se_linux_options.as_ref()).map(se_linux),
        run_as_user: context.and_then(|context| context.run_as_user).map(int),
        run_as_group: context
            .filter(|context| context.run_as_user.is_some())
            .and_then(|context| context.run_as_group)
            .map(int),
        supplemental_groups: groups(pod),
        supplemental_groups_policy: groups_policy(pod),
        privileged,
        seccomp: Some(seccomp(pod, None, privileged, seccomp_directory)),
        ..LinuxSandboxSecurityContext::default()
    }
}

/// Security of a container.
pub(super) fn container(
    pod: &Pod,
    container: &Container,
    image: &ImageUser,
    seccomp_directory: &str,
) -> LinuxContainerSecurityContext {
    let none = SecurityContext::default();
    let own = container.security_context.as_ref().unwrap_or(&none);
    let context = of_pod(pod);
    let privileged = privileged(container);
    let user = run_as_user(pod, container).or(image.uid);
    let group = own.run_as_group.or_else(|| context.and_then(|context| context.run_as_group));
    let bare_proc = own.proc_mount.as_deref() == Some("Unmasked") || privileged;
    let paths = |paths: &[&str]| -> Vec<String> {
        if bare_proc { Vec::new() } else { paths.iter().map(|path| (*path).to_owned()).collect() }
    };
    let se_linux_options = own.se_linux_options.as_ref().or_else(|| context.and_then(|c| c.se_linux_options.as_ref()));
    let named_user = user.is_none() && !image.name.is_empty();
    LinuxContainerSecurityContext {
        capabilities: own.capabilities.as_ref().map(|capabilities| Capability {
            add_capabilities: capabilities.add.clone().unwrap_or_default(),
            drop_capabilities: capabilities.drop.clone().unwrap_or_default(),
            ..Capability::default()
        }),
        privileged,
        namespace_options: Some(namespaces(pod)),
        selinux_options: se_linux_options.map(se_linux),
        run_as_user: user.map(int),
        run_as_username: if named_user { image.name.clone() } else { String::new() },
        run_as_group: group.filter(|_| user.is_some() || named_user).map(int),
        readonly_rootfs: own.read_only_root_filesystem.unwrap_or(false),
        supplemental_groups: groups(pod),
        supplemental_groups_policy: groups_policy(pod),
        no_new_privs: own.allow_privilege_escalation == Some(false) && !privileged,
        masked_paths: paths(&MASKED),
        readonly_paths: paths(&READ_ONLY),
        seccomp: Some(seccomp(pod, own.seccomp_profile.as_ref(), privileged, seccomp_directory)),
        apparmor: apparmor(pod, own.app_armor_profile.as_ref()),
        ..LinuxContainerSecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_containers_context_overrides_the_pods() {
        let pod = pod(json!({
            "securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]},
            "containers": [{"name": "c", "securityContext": {"runAsUser": 5, "allowPrivilegeEscalation": false}}]
        }));
        let context = container(&pod, &spec::containers(&pod)[0], &ImageUser::default(), "/s");
        assert_eq!(context.run_as_user, Some(int(5)));
        assert_eq!(context.run_as_group, Some(int(2)));
        assert_eq!(context.supplemental_groups, [4, 3]);
        assert!(context.no_new_privs && !context.masked_paths.is_empty());
        assert_eq!(context.seccomp.unwrap().profile_type, i32::from(ProfileType::RuntimeDefault));
    }

    #[test]
    fn the_images_user_is_used_when_the_pod_names_none() {
        let pod = pod(json!({"containers": [{"name": "c"}]}));
        let of = |image: ImageUser| container(&pod, &spec::containers(&pod)[0], &image, "/s");
        assert_eq!(of(ImageUser { uid: Some(7), name: String::new() }).run_as_user, Some(int(7)));
        let named = of(ImageUser { uid: None, name: "nobody".into() });
        assert_eq!((named.run_as_user, named.run_as_username.as_str()), (None, "nobody"));
    }

    #[test]
    fn run_as_non_root_is_verified() {
        let image = |uid, name: &str| ImageUser { uid, name: name.into() };
        let message = |context: serde_json::Value, user: ImageUser| {
            let pod = pod(json!({"containers": [{"name": "c", "securityContext": context}]}));
            check_non_root(&pod, &spec::containers(&pod)[0], &user)
        };
        assert_eq!(
            message(json!({"runAsNonRoot": true}), image(Some(0), "")).unwrap_err(),
            "container has runAsNonRoot and image will run as root (pod: \"p_n(u)\", container: c)"
        );
        assert_eq!(
            message(json!({"runAsNonRoot": true, "runAsUser": 0}), image(Some(5), "")).unwrap_err(),
            "container's runAsUser breaks non-root policy (pod: \"p_n(u)\", container: c)"
        );
        assert!(
            message(json!({"runAsNonRoot": true}), image(None, "app")).unwrap_err().contains("non-numeric user (app)")
        );
        assert!(message(json!({"runAsNonRoot": true}), image(Some(5), "")).is_ok());
        assert!(message(json!({}), image(Some(0), "")).is_ok());
    }
}
