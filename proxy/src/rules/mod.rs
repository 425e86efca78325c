//! Ports as nftables rules. Pure.
//!
//! A packet's destination is looked up in a map whose values are the chains of ports: what a packet costs does not grow with the number
//! of services, and a change of one port changes its chain and its elements only. The layout follows upstream's nftables mode
//! (`pkg/proxy/nftables/proxier.go @ v1.36`).

mod base;
mod change;
mod ports;

use std::collections::BTreeMap;

pub use change::Change;
use corvette_component::network::Network;

use crate::Config;
use crate::model::{Family, Port};

/// Name of the table, in each family.
pub const TABLE: &str = "corvette";

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Maps and sets by name, each as its kind (`map` or `set`) and its declaration.
    pub sets: BTreeMap<String, (&'static str, String)>,
    /// Chains by name: the hook of those that have one, and the rules.
    pub chains: BTreeMap<String, Chain>,
    /// Elements of the maps and sets, by the name of these: key, and value where it is a map.
    pub elements: BTreeMap<&'static str, BTreeMap<String, String>>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Type, hook, priority and policy; none for one that others lead to.
    pub hook: Option<&'static str>,
    /// Its rules, in order.
    pub rules: Vec<String>,
}

/// Words of a family in nft's language.
#[derive(Debug, Clone, Copy)]
struct Words {
    /// `ip` or `ip6`: the family of the table, and how its headers are called.
    ip: &'static str,
    /// Type of an address.
    address: &'static str,
    /// The machine's own addresses that never leave it.
    loopback: &'static str,
    /// Addresses of groups.
    multicast: &'static str,
}

fn words(family: Family) -> Words {
    match family {
        Family::V4 => Words { ip: "ip", address: "ipv4_addr", loopback: "127.0.0.0/8", multicast: "224.0.0.0/4" },
        Family::V6 => Words { ip: "ip6", address: "ipv6_addr", loopback: "::1", multicast: "ff00::/8" },
    }
}

/// The table of a family as nft is told it: family and name.
pub fn name(family: Family) -> String {
    format!("{} {TABLE}", words(family).ip)
}

/// The table of a family. Ports of the other are left out.
pub fn table(ports: &[Port], family: Family, config: &Config) -> Table {
    let words = words(family);
    let cluster: Vec<&Network> = config.cluster.iter().filter(|network| family.has(network.address)).collect();
    let cluster = match cluster.as_slice() {
        [] => None,
        [one] => Some(one.to_string()),
        several => {
            let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
            Some(format!("{{ {} }}", texts.join(", ")))
        }
    };
    let mut table = base::table(words, cluster.as_deref(), config.masquerade_egress);
    for port in ports.iter().filter(|port| port.family == family) {
        ports::add(&mut table, port, words, cluster.as_deref());
    }
    table
}

impl Table {
    fn element(&mut self, set: &'static str, key: String, value: impl AsRef<str>) {
        // Two services with one external address: the first in order keeps it.
        self.elements.entry(set).or_default().entry(key).or_insert_with(|| value.as_ref().to_owned());
    }

    fn chain(&mut self, name: impl Into<String>, hook: Option<&'static str>, rules: Vec<String>) {
        self.chains.insert(name.into(), Chain { hook, rules });
    }

    fn set(&mut self, name: impl Into<String>, kind: &'static str, declaration: impl Into<String>) {
        self.sets.insert(name.into(), (kind, declaration.into()));
    }
}

#[cfg(test)]
mod tests;
