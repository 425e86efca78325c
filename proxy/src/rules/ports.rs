//! One port of a service: its elements in the maps, and its chains.

use super::base::{
    CLUSTER_IPS, FIREWALL, HAIRPINS, MARK, NO_ENDPOINT_NODE_PORTS, NO_ENDPOINTS, NODE_PORTS, REFUSE, SERVICES,
};
use super::{Table, Words};
use crate::model::{Port, Target};

/// Adds a port to the table.
pub(super) fn add(table: &mut Table, port: &Port, words: Words, cluster: Option<&str>) {
    let key = |address: std::net::IpAddr| format!("{address} . {} . {}", port.protocol, port.port);
    table.element(CLUSTER_IPS, port.cluster_ip.to_string(), "");
    firewall(table, port, words);

    // With nobody in the whole cluster the client is told so at once. With nobody on this node only, it may be sent
    // elsewhere by whoever balances, who takes silence for a no.
    let somewhere = !port.cluster.is_empty();
    let instead = if somewhere { "drop".to_owned() } else { format!("goto {REFUSE}") };
    if port.internal().is_empty() {
        table.element(NO_ENDPOINTS, key(port.cluster_ip), &instead);
    } else {
        table.element(SERVICES, key(port.cluster_ip), format!("goto {}", inside(port, port.internal_local)));
    }
    let node_port = port.node_port.map(|number| format!("{} . {number}", port.protocol));
    if port.external().is_empty() {
        port.outside().for_each(|address| table.element(NO_ENDPOINTS, key(address), &instead));
        node_port.iter().for_each(|key| table.element(NO_ENDPOINT_NODE_PORTS, key.clone(), &instead));
    }
    if somewhere {
        let outside = format!("goto {}", outside(port));
        port.outside().for_each(|address| table.element(SERVICES, key(address), &outside));
        node_port.iter().for_each(|key| table.element(NODE_PORTS, key.clone(), &outside));
        chains(table, port, words, cluster);
    }
}

/// The chain for traffic from the cluster, to targets everywhere or only to those on this node.
fn inside(port: &Port, local: bool) -> String {
    format!("{}-{}", if local { "local" } else { "service" }, port.name)
}

/// The chain for traffic from outside.
fn outside(port: &Port) -> String {
    format!("external-{}", port.name)
}

/// Keeps everybody but those allowed from the load balancers' addresses.
fn firewall(table: &mut Table, port: &Port, words: Words) {
    if port.balancer_sources.is_empty() || port.balancer_ips.is_empty() {
        return;
    }
    let name = format!("firewall-{}", port.name);
    for address in &port.balancer_ips {
        table.element(FIREWALL, format!("{address} . {} . {}", port.protocol, port.port), format!("goto {name}"));
    }
    let allowed = port.balancer_sources.join(", ");
    let rules = vec![format!("{} saddr {{ {allowed} }} return", words.ip), "drop".to_owned()];
    table.chain(name, None, rules);
}

fn chains(table: &mut Table, port: &Port, words: Words, cluster: Option<&str>) {
    let ip = words.ip;
    for target in port.targets() {
        table.element(HAIRPINS, format!("{0} . {0}", target.ip), "");
        if let Some(seconds) = port.affinity {
            let (set, chain) = (affinity_set(port, seconds, target), target_chain(port, target));
            table.set(&set, "set", format!("type {}; flags dynamic,timeout; timeout {seconds}s;", words.address));
            let rules = vec![format!("update @{set} {{ {ip} saddr }}"), to(port, words, &[target])];
            table.chain(chain, None, rules);
        }
    }
    let from_outside = port.node_port.is_some() || port.outside().next().is_some();
    // From this cluster and this node everything is near: what is not on this node is reached through the others.
    let short_cut = from_outside && port.external_local;
    for (local, wanted) in [(false, !port.internal_local || short_cut), (true, port.internal_local)] {
        let targets = if local { &port.local } else { &port.cluster };
        if !wanted || targets.is_empty() {
            continue;
        }
        // Only clients outside: a pod's own address is what its peer is to see.
        let mark = cluster.map(|pods| format!("{ip} daddr {} {ip} saddr != {pods} jump {MARK}", port.cluster_ip));
        table.chain(inside(port, local), None, mark.into_iter().chain(choose(port, words, targets)).collect());
    }
    if !from_outside {
        return;
    }
    let rules = if port.external_local {
        let everywhere = inside(port, false);
        let pods = cluster.map(|pods| format!("{ip} saddr {pods} goto {everywhere}"));
        let node = ["jump ".to_owned() + MARK, format!("goto {everywhere}")];
        let node = node.map(|then| format!("fib saddr type local {then}"));
        pods.into_iter().chain(node).chain(choose(port, words, &port.local)).collect()
    } else {
        // The answer has to come back through this node.
        std::iter::once(format!("jump {MARK}")).chain(choose(port, words, &port.cluster)).collect()
    };
    table.chain(outside(port), None, rules);
}

/// Sends to one of the targets: to the client's last one where it keeps it, else to any.
fn choose(port: &Port, words: Words, targets: &[Target]) -> Vec<String> {
    if targets.is_empty() {
        return Vec::new();
    }
    let Some(seconds) = port.affinity else { return vec![to(port, words, targets)] };
    let kept = targets.iter().map(|target| {
        format!("{} saddr @{} goto {}", words.ip, affinity_set(port, seconds, *target), target_chain(port, *target))
    });
    let any: Vec<String> = targets
        .iter()
        .enumerate()
        .map(|(index, target)| format!("{index} : goto {}", target_chain(port, *target)))
        .collect();
    kept.chain([format!("numgen random mod {} vmap {{ {} }}", targets.len(), any.join(", "))]).collect()
}

/// Changes the destination to one of the targets, by chance.
fn to(port: &Port, words: Words, targets: &[Target]) -> String {
    let ip = words.ip;
    if let [Target { ip: address, port: number }] = targets {
        let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        return format!("meta l4proto {} dnat {ip} to {address}:{number}", port.protocol);
    }
    let all: Vec<String> = targets
        .iter()
        .enumerate()
        .map(|(index, target)| format!("{index} : {} . {}", target.ip, target.port))
        .collect();
    let count = targets.len();
    format!(
        "meta l4proto {} dnat {ip} addr . port to numgen random mod {count} map {{ {} }}",
        port.protocol,
        all.join(", ")
    )
}

fn target_chain(port: &Port, target: Target) -> String {
    format!("endpoint-{}/{}", port.name, place(target))
}

/// The set of a target's clients. Its name holds the time they are kept, which a set cannot change.
fn affinity_set(port: &Port, seconds: i32, target: Target) -> String {
    format!("affinity-{seconds}-{}/{}", port.name, place(target))
}

/// A target as a part of a name, which may hold no colon.
fn place(target: Target) -> String {
    format!("{}/{}", target.ip.to_string().replace(':', "."), target.port)
}
