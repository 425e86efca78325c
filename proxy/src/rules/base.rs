//! What every table holds: maps, hooks, and what is done to packets of all services.

use super::{Table, Words};

/// Address, protocol and port of services → their chain.
pub(super) const SERVICES: &str = "services";
/// Protocol and port at this node's addresses → the service's chain.
pub(super) const NODE_PORTS: &str = "node-ports";
/// Address, protocol and port of services that lead nowhere → what is done instead.
pub(super) const NO_ENDPOINTS: &str = "no-endpoints";
/// Protocol and port at this node's addresses that lead nowhere → what is done instead.
pub(super) const NO_ENDPOINT_NODE_PORTS: &str = "no-endpoint-node-ports";
/// Address, protocol and port of load balancers that not everybody may use → the chain that checks.
pub(super) const FIREWALL: &str = "firewall";
/// Addresses of services inside the cluster.
pub(super) const CLUSTER_IPS: &str = "cluster-ips";
/// Targets twice: a packet from the one to the other was sent to itself.
pub(super) const HAIRPINS: &str = "hairpins";

/// The chain that marks a packet for a change of its source.
pub(super) const MARK: &str = "mark-for-masquerade";
/// The chain that refuses.
pub(super) const REFUSE: &str = "refuse";

/// Where packets come in, before their destination changes; later than that; and the same for packets of this machine itself.
const HOOKS: [(&str, &str); 8] = [
    ("filter-prerouting", "type filter hook prerouting priority -110; policy accept;"),
    ("filter-input", "type filter hook input priority -110; policy accept;"),
    ("filter-forward", "type filter hook forward priority -110; policy accept;"),
    ("filter-output", "type filter hook output priority -110; policy accept;"),
    ("filter-output-after-nat", "type filter hook output priority -90; policy accept;"),
    ("nat-prerouting", "type nat hook prerouting priority -100; policy accept;"),
    ("nat-output", "type nat hook output priority -100; policy accept;"),
    ("nat-postrouting", "type nat hook postrouting priority 100; policy accept;"),
];

/// The table without services; `cluster` are the pods' networks as an expression.
pub(super) fn table(words: Words, cluster: Option<&str>, masquerade_egress: bool) -> Table {
    let Words { ip, address, loopback, multicast } = words;
    let mut table = Table::default();
    let by_address = format!("type {address} . inet_proto . inet_service : verdict;");
    let by_port = "type inet_proto . inet_service : verdict;";
    for name in [SERVICES, NO_ENDPOINTS, FIREWALL] {
        table.set(name, "map", by_address.clone());
    }
    for name in [NODE_PORTS, NO_ENDPOINT_NODE_PORTS] {
        table.set(name, "map", by_port);
    }
    table.set(CLUSTER_IPS, "set", format!("type {address};"));
    table.set(HAIRPINS, "set", format!("type {address} . {address};"));

    let at_address = |map: &str| format!("{ip} daddr . meta l4proto . th dport vmap @{map}");
    let at_node =
        |map: &str| format!("fib daddr type local {ip} daddr != {loopback} meta l4proto . th dport vmap @{map}");
    let new = |rule: String| format!("ct state new {rule}");
    let unused = new(format!("{ip} daddr @{CLUSTER_IPS} goto {REFUSE}"));
    table.chain("to-services", None, vec![at_address(SERVICES), at_node(NODE_PORTS)]);
    table.chain(MARK, None, vec!["meta mark set meta mark | 0x4000".to_owned()]);
    table.chain(REFUSE, None, vec!["meta l4proto tcp reject with tcp reset".to_owned(), "reject".to_owned()]);
    let mut sources = vec![
        // The mark is taken off again: the packet may pass here once more, as inside a tunnel.
        "meta mark & 0x4000 != 0 meta mark set meta mark ^ 0x4000 masquerade fully-random".to_owned(),
        format!("ct status dnat {ip} saddr . {ip} daddr @{HAIRPINS} masquerade fully-random"),
    ];
    if let Some(cluster) = cluster.filter(|_| masquerade_egress) {
        sources.push(format!(
            "{ip} saddr {cluster} {ip} daddr != {cluster} {ip} daddr != {multicast} fib daddr type != local masquerade fully-random"
        ));
    }
    for (name, hook) in HOOKS {
        let rules = match name {
            "filter-prerouting" => vec![new(at_address(FIREWALL))],
            "filter-input" => vec![new(at_address(NO_ENDPOINTS)), new(at_node(NO_ENDPOINT_NODE_PORTS))],
            "filter-forward" => {
                // A late packet that connection tracking knows nothing of would reach a client that did not ask for it.
                vec!["ct state invalid drop".to_owned(), new(at_address(NO_ENDPOINTS)), unused.clone()]
            }
            "filter-output" => vec![new(at_address(NO_ENDPOINTS))],
            "filter-output-after-nat" => vec![unused.clone()],
            "nat-postrouting" => sources.clone(),
            _ => vec!["jump to-services".to_owned()],
        };
        table.chain(name, Some(hook), rules);
    }
    table
}
