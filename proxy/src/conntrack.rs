//! Forgets connections that the kernel still tracks to where they should no longer go.
//!
//! Connectionless protocols only: a client that goes on sending from one port would be sent to a target that is gone for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use corvette_component::command::run;
use tokio::process::Command;

use crate::model::{Family, Port, Target};

/// Tracked connections: those to an address, or to a port of this node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flows {
    family: Family,
    /// Where they were sent; `None` for a port of this node.
    address: Option<IpAddr>,
    port: u16,
    /// Who answers them; `None` for whoever does.
    target: Option<IpAddr>,
}

/// What is stale when `new` takes the place of `old`: flows to targets that a port no longer has, and all of a port that had no target,
/// because they lead nowhere. Pure.
pub(crate) fn stale(old: &[Port], new: &[Port]) -> BTreeSet<Flows> {
    let (old, new) = (connectionless(old), connectionless(new));
    let mut stale = BTreeSet::new();
    for (key, before) in &old {
        let Some(after) = new.get(key) else {
            stale.extend(flows(before, None));
            continue;
        };
        let left: BTreeSet<Target> = after.targets().into_iter().collect();
        let gone = before.targets().into_iter().filter(|target| !left.contains(target));
        stale.extend(gone.flat_map(|target| flows(before, Some(target.ip))));
    }
    for (key, after) in new.iter().filter(|(_, port)| !port.targets().is_empty()) {
        if old.get(key).is_none_or(|before| before.targets().is_empty()) {
            stale.extend(flows(after, None));
        }
    }
    stale
}

fn connectionless(ports: &[Port]) -> BTreeMap<(&str, Family), &Port> {
    let udp = ports.iter().filter(|port| port.protocol == "udp");
    udp.map(|port| ((port.name.as_str(), port.family), port)).collect()
}

fn flows(port: &Port, target: Option<IpAddr>) -> Vec<Flows> {
    let to = |address: Option<IpAddr>, number: u16| Flows { family: port.family, address, port: number, target };
    let addresses = port.addresses().map(|address| to(Some(address), port.port));
    addresses.chain(port.node_port.map(|number| to(None, number))).collect()
}

impl Flows {
    fn arguments(&self) -> Vec<String> {
        let family = if self.family == Family::V4 { "ipv4" } else { "ipv6" };
        let mut arguments =
            vec!["-D".to_owned(), "-f".to_owned(), family.to_owned(), "-p".to_owned(), "udp".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        if let Some(address) = self.address {
            option("--orig-dst", address.to_string());
        }
        option("--orig-port-dst", self.port.to_string());
        if let Some(target) = self.target {
            option("--reply-src", target.to_string());
        }
        arguments
    }
}

/// Has the kernel forget them. What fails is logged: such flows end by themselves some minutes later.
pub(crate) async fn forget(flows: BTreeSet<Flows>) {
    for flow in flows {
        let arguments = flow.arguments();
        match run("conntrack -D", Command::new("conntrack").args(&arguments)).await {
            // It fails when there is nothing to forget.
            Err(error) if !error.message.contains("0 flow entries") => {
                tracing::warn!(?arguments, %error, "stale connections are not forgotten");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{port, target};

    fn lines(flows: &BTreeSet<Flows>) -> Vec<String> {
        flows.iter().map(|flow| flow.arguments().join(" ").replace("-D -f ipv4 -p udp ", "")).collect()
    }

    #[test]
    fn flows_to_targets_that_are_gone_are_stale() {
        let with = |targets: &[u8]| Port {
            protocol: "udp",
            node_port: Some(30053),
            cluster: targets.iter().map(|last| target(*last)).collect(),
            ..port("ns/dns/udp/53")
        };
        let gone = [
            "--orig-port-dst 30053 --reply-src 10.244.0.2",
            "--orig-dst 10.96.0.7 --orig-port-dst 80 --reply-src 10.244.0.2",
        ];
        assert_eq!(lines(&stale(&[with(&[2, 3])], &[with(&[3, 4])])), gone);
        assert_eq!(lines(&stale(&[with(&[2])], &[with(&[2, 3])])), Vec::<String>::new());
        let all = ["--orig-port-dst 30053", "--orig-dst 10.96.0.7 --orig-port-dst 80"];
        assert_eq!(lines(&stale(&[with(&[2])], &[])), all, "the service is gone");
        assert_eq!(lines(&stale(&[with(&[])], &[with(&[2])])), all, "what led nowhere leads somewhere");
        assert_eq!(lines(&stale(&[], &[with(&[2])])), all, "a service that this process sees first");
        let tcp = |targets: &[u8]| Port { protocol: "tcp", ..with(targets) };
        assert!(stale(&[tcp(&[2])], &[tcp(&[])]).is_empty());
    }
}
