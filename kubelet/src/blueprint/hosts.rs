//! `/etc/hosts` of containers. Pure. As upstream's `pkg/kubelet: managedHostsFileContent @ v1.36`.

use std::fmt::Write;

use k8s_openapi::api::core::v1::Pod;

use crate::pods::spec;

const HEADER: &str = "# Kubernetes-managed hosts file.\n";
const HEADER_HOST: &str = "# Kubernetes-managed hosts file (host network).\n";
const LOCAL: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";

/// Makes the file. A pod with the node's network gets the node's file; any other its own addresses.
pub fn content(pod: &Pod, ips: &[String], hostname: &str, domain: Option<&str>, node_file: &str) -> String {
    let mut out = String::new();
    if spec::host_network(pod) {
        out.push_str(HEADER_HOST);
        out.push_str(node_file);
    } else {
        out.push_str(HEADER);
        out.push_str(LOCAL);
        for ip in ips {
            // Writing to a string does not fail.
            let _ = match domain {
                Some(domain) => writeln!(out, "{ip}\t{hostname}.{domain}\t{hostname}"),
                None => writeln!(out, "{ip}\t{hostname}"),
            };
        }
    }
    let aliases = pod.spec.as_ref().and_then(|spec| spec.host_aliases.as_deref()).unwrap_or_default();
    if !aliases.is_empty() {
        out.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
            let _ = writeln!(out, "{}\t{names}", alias.ip);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn aliases_follow_the_pods_own_addresses() {
        let pod = serde_json::from_value(json!({"spec": {"containers": [], "hostAliases": [
            {"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}
        ]}}))
        .unwrap();
        let text = content(&pod, &["10.244.0.5".to_owned()], "web", Some("sub.ns.svc.cluster.local"), "");
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(text.contains("\n10.244.0.5\tweb.sub.ns.svc.cluster.local\tweb\n"));
        assert!(text.ends_with("\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\n"));
    }

    #[test]
    fn the_nodes_file_serves_pods_with_its_network() {
        let pod = serde_json::from_value(json!({"spec": {"containers": [], "hostNetwork": true}})).unwrap();
        let text = content(&pod, &[], "node", None, "127.0.0.1 me\n");
        assert_eq!(text, "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n");
    }
}
