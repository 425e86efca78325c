//! Which kernel parameters a pod may set: those that touch nothing outside its namespaces.

use std::borrow::Cow;

use super::Facts;
use super::checks::refusal;
use crate::pods::spec;
use crate::status::Verdict;

/// The namespace that a parameter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Ipc,
    Net,
}

/// Parameters that are safe (`pkg/kubelet/sysctl/safe_sysctls.go @ v1.36`).
const SAFE: [(&str, Namespace); 12] = [
    ("kernel.shm_rmid_forced", Namespace::Ipc),
    ("net.ipv4.ip_local_port_range", Namespace::Net),
    ("net.ipv4.tcp_syncookies", Namespace::Net),
    ("net.ipv4.ping_group_range", Namespace::Net),
    ("net.ipv4.ip_unprivileged_port_start", Namespace::Net),
    ("net.ipv4.ip_local_reserved_ports", Namespace::Net),
    ("net.ipv4.tcp_keepalive_time", Namespace::Net),
    ("net.ipv4.tcp_fin_timeout", Namespace::Net),
    ("net.ipv4.tcp_keepalive_intvl", Namespace::Net),
    ("net.ipv4.tcp_keepalive_probes", Namespace::Net),
    ("net.ipv4.tcp_rmem", Namespace::Net),
    ("net.ipv4.tcp_wmem", Namespace::Net),
];

pub(super) fn allowed(facts: &Facts<'_>) -> Option<Verdict> {
    let sysctls = facts.pod.spec.as_ref()?.security_context.as_ref()?.sysctls.as_deref()?;
    let host_ipc = spec::flag(facts.pod, |spec| spec.host_ipc);
    let host_network = spec::host_network(facts.pod);
    let why = sysctls.iter().find_map(|sysctl| {
        let name = dotted(&sysctl.name);
        let namespace = SAFE.iter().find(|(safe, _)| *safe == name).map(|(_, namespace)| *namespace);
        match namespace {
            Some(Namespace::Ipc) if host_ipc => Some(format!("{name:?} not allowed with host ipc enabled")),
            Some(Namespace::Net) if host_network => Some(format!("{name:?} not allowed with host net enabled")),
            Some(_) => None,
            None => Some(format!("{name:?} not allowlisted")),
        }
    })?;
    Some(refusal("SysctlForbidden", format!("forbidden sysctl: {why}")))
}

/// A parameter's name with dots between its parts, whichever of the kernel's two notations it came in.
pub(crate) fn dotted(name: &str) -> Cow<'_, str> {
    match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => {
            let swap = |letter| match letter {
                '/' => '.',
                '.' => '/',
                other => other,
            };
            name.chars().map(swap).collect::<String>().into()
        }
        _ => name.into(),
    }
}
