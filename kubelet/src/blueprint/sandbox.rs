//! Configuration of sandboxes.

use std::collections::HashMap;
use std::path::PathBuf;

use corvette_proto::cri::{
    DnsConfig, LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol,
};
use k8s_openapi::api::core::v1::Pod;

use super::{dns, security};
use crate::pods::{labels, spec};
use crate::resources::Amounts;
use crate::{admission, cgroups};

/// What the node gives to all pods.
#[derive(Debug, Clone)]
pub struct Host {
    /// Directory of pod logs.
    pub log_dir: PathBuf,
    /// Cgroup below which each pod gets its own, such as `/corvette-1b2c3d4e`.
    pub cgroup_root: String,
    /// Addresses of the cluster's DNS servers.
    pub cluster_dns: Vec<String>,
    /// Cluster domain.
    pub cluster_domain: String,
    /// The node's own DNS configuration.
    pub node_dns: DnsConfig,
    /// The node's `/etc/hosts`.
    pub node_hosts: String,
    /// Directory of local seccomp profiles.
    pub seccomp_dir: String,
    /// What the node has.
    pub capacity: Amounts,
    /// What pods may have of it.
    pub allocatable: Amounts,
    /// Lowest OOM score that this process may give.
    pub oom_floor: i64,
    /// Name of the node.
    pub node_name: String,
}

/// Longest host name of Linux.
const MAX_HOSTNAME: usize = 63;

/// Host name of a pod, and the domain below which it is known in the cluster's DNS.
pub fn hostname(pod: &Pod, cluster_domain: &str) -> (String, Option<String>) {
    let of_spec = pod.spec.as_ref();
    let set = |value: Option<&String>| value.filter(|value| !value.is_empty()).cloned();
    if let Some(name) = set(of_spec.and_then(|spec| spec.hostname_override.as_ref())) {
        return (name, None);
    }
    let mut name = set(of_spec.and_then(|spec| spec.hostname.as_ref())).unwrap_or_else(|| {
        let cut: String = spec::name(pod).chars().take(MAX_HOSTNAME).collect();
        cut.trim_end_matches(['-', '.']).to_owned()
    });
    let domain = set(of_spec.and_then(|spec| spec.subdomain.as_ref()))
        .map(|subdomain| format!("{subdomain}.{}.svc.{cluster_domain}", spec::namespace(pod)));
    if let Some(domain) = domain.as_ref().filter(|_| spec::flag(pod, |spec| spec.set_hostname_as_fqdn)) {
        name = format!("{name}.{domain}");
    }
    (name, domain)
}

/// Makes the configuration of a pod's sandbox.
pub fn sandbox(pod: &Pod, attempt: u32, host: &Host) -> PodSandboxConfig {
    let uid = spec::uid(pod);
    let (name, namespace) = (spec::name(pod), spec::namespace(pod));
    let cluster = dns::Cluster { servers: &host.cluster_dns, domain: &host.cluster_domain, node: &host.node_dns };
    let host_network = spec::host_network(pod);
    let sysctls = pod.spec.as_ref().and_then(|s| s.security_context.as_ref()).and_then(|c| c.sysctls.as_deref());
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.to_owned(),
            namespace: namespace.to_owned(),
            attempt,
        }),
        hostname: if host_network { String::new() } else { hostname(pod, &host.cluster_domain).0 },
        log_directory: labels::log_directory(&host.log_dir, namespace, name, uid).display().to_string(),
        dns_config: Some(dns::of_pod(pod, cluster)),
        port_mappings: if host_network { Vec::new() } else { port_mappings(pod) },
        labels: labels::of_sandbox(pod),
        annotations: pod.metadata.annotations.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: cgroups::of_pod(&host.cgroup_root, uid),
            security_context: Some(security::sandbox(pod, &host.seccomp_dir)),
            sysctls: sysctls
                .unwrap_or_default()
                .iter()
                .map(|sysctl| (admission::dotted(&sysctl.name).into_owned(), sysctl.value.clone()))
                .collect::<HashMap<_, _>>(),
            ..LinuxPodSandboxConfig::default()
        }),
    }
}

/// Ports of all containers that are to be reachable on the node.
fn port_mappings(pod: &Pod) -> Vec<PortMapping> {
    spec::all_containers(pod)
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            let host_port = port.host_port.filter(|port| *port > 0)?;
            let protocol = match port.protocol.as_deref() {
                Some("UDP") => Protocol::Udp,
                Some("SCTP") => Protocol::Sctp,
                _ => Protocol::Tcp,
            };
            Some(PortMapping {
                protocol: protocol.into(),
                container_port: port.container_port,
                host_port,
                host_ip: port.host_ip.clone().unwrap_or_default(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn host_names_come_from_the_spec_or_the_pods_name() {
        let of = |name: &str, spec: serde_json::Value| {
            let pod =
                serde_json::from_value(json!({"metadata": {"name": name, "namespace": "n"}, "spec": spec})).unwrap();
            hostname(&pod, "cluster.local")
        };
        assert_eq!(of("web-0", json!({"containers": []})), ("web-0".to_owned(), None));
        let long = "a".repeat(62) + "-bcd";
        assert_eq!(of(&long, json!({"containers": []})).0, "a".repeat(62));
        let domain = Some("s.n.svc.cluster.local".to_owned());
        assert_eq!(
            of("p", json!({"containers": [], "hostname": "h", "subdomain": "s"})),
            ("h".to_owned(), domain.clone())
        );
        let fqdn = json!({"containers": [], "hostname": "h", "subdomain": "s", "setHostnameAsFQDN": true});
        assert_eq!(of("p", fqdn), ("h.s.n.svc.cluster.local".to_owned(), domain));
    }
}
