//! DNS configuration of pods. Pure. As upstream's `pkg/kubelet/network/dns @ v1.36`.

use corvette_proto::cri::DnsConfig;
use k8s_openapi::api::core::v1::{Pod, PodDNSConfig};

use crate::pods::spec;

/// Most name servers that resolvers honour.
const MAX_SERVERS: usize = 3;
/// Most search domains.
const MAX_SEARCHES: usize = 32;

/// Reads a `resolv.conf`.
pub fn parse(text: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => config.servers.extend(words.next().map(ToOwned::to_owned)),
            Some("search") => config.searches = words.map(|word| word.trim_end_matches('.').to_owned()).collect(),
            Some("options") => config.options = words.map(ToOwned::to_owned).collect(),
            _ => {}
        }
    }
    config.searches.retain(|search| !search.is_empty());
    config
}

/// What the cluster offers.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    /// Addresses of the cluster's DNS servers.
    pub servers: &'a [String],
    /// Cluster domain, such as `cluster.local`.
    pub domain: &'a str,
    /// The node's own configuration.
    pub node: &'a DnsConfig,
}

/// Makes the DNS configuration of a pod from its `dnsPolicy` and `dnsConfig`.
pub fn of_pod(pod: &Pod, cluster: Cluster<'_>) -> DnsConfig {
    let policy = pod.spec.as_ref().and_then(|spec| spec.dns_policy.as_deref()).unwrap_or("ClusterFirst");
    let by_cluster = match policy {
        "None" => None,
        "ClusterFirstWithHostNet" => Some(true),
        "Default" => Some(false),
        _ => Some(!spec::host_network(pod)),
    };
    let mut config = match by_cluster {
        None => DnsConfig::default(),
        Some(true) if !cluster.servers.is_empty() => DnsConfig {
            servers: cluster.servers.to_vec(),
            searches: searches(spec::namespace(pod), cluster),
            options: vec!["ndots:5".to_owned()],
        },
        Some(_) => cluster.node.clone(),
    };
    if let Some(own) = pod.spec.as_ref().and_then(|spec| spec.dns_config.as_ref()) {
        merge(&mut config, own);
    }
    config.servers.truncate(MAX_SERVERS);
    config.searches.truncate(MAX_SEARCHES);
    config
}

fn searches(namespace: &str, cluster: Cluster<'_>) -> Vec<String> {
    let domain = cluster.domain;
    let own = [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()];
    unique(own.into_iter().chain(cluster.node.searches.iter().cloned()))
}

fn unique(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for item in items {
        if !out.contains(&item) {
            out.push(item);
        }
    }
    out
}

fn merge(config: &mut DnsConfig, own: &PodDNSConfig) {
    config.servers = unique(config.servers.drain(..).chain(own.nameservers.iter().flatten().cloned()));
    config.searches = unique(config.searches.drain(..).chain(own.searches.iter().flatten().cloned()));
    for option in own.options.iter().flatten() {
        let Some(name) = &option.name else { continue };
        config.options.retain(|known| known.split(':').next() != Some(name.as_str()));
        config.options.push(match &option.value {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(spec: serde_json::Value) -> DnsConfig {
        let pod = serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": spec})).unwrap();
        let node = parse("# c\nnameserver 1.1.1.1\nsearch host.example.\noptions timeout:2\n");
        let servers = ["10.96.0.10".to_owned()];
        of_pod(&pod, Cluster { servers: &servers, domain: "cluster.local", node: &node })
    }

    #[test]
    fn policies_choose_between_cluster_node_and_nothing() {
        let cluster = run(json!({"containers": []}));
        assert_eq!(cluster.servers, ["10.96.0.10"]);
        assert_eq!(cluster.searches, ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "host.example"]);
        assert_eq!(cluster.options, ["ndots:5"]);
        for spec in [
            json!({"containers": [], "dnsPolicy": "Default"}),
            json!({"containers": [], "dnsPolicy": "ClusterFirst", "hostNetwork": true}),
        ] {
            assert_eq!(run(spec).servers, ["1.1.1.1"]);
        }
        let host = run(json!({"containers": [], "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}));
        assert_eq!(host.servers, ["10.96.0.10"]);
    }

    #[test]
    fn a_pods_own_configuration_is_added_and_its_options_win() {
        let own = json!({"nameservers": ["9.9.9.9"], "searches": ["mine"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        let none = run(json!({"containers": [], "dnsPolicy": "None", "dnsConfig": own}));
        assert_eq!((none.servers, none.searches), (vec!["9.9.9.9".to_owned()], vec!["mine".to_owned()]));
        let both = run(json!({"containers": [], "dnsConfig": own}));
        assert_eq!(both.servers, ["10.96.0.10", "9.9.9.9"]);
        assert_eq!(both.options, ["ndots:2", "edns0"]);
    }
}
