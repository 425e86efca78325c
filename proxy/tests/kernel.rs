//! The rules in a real kernel: nft takes every table and every change, and a table that was changed is the same as one made anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../runtime/tests/support/netns.rs"]
mod netns;

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use corvette_component::network::Network;
use corvette_proxy::Config;
use corvette_proxy::model::{Family, Port, Target};
use corvette_proxy::rules::{Change, Table, table};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Tables made one of another.
const CHANGES: usize = 50;

fn nft(script: &str) {
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = nft.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}

fn apply(change: &Change) {
    nft(&change.first);
    nft(&change.then);
}

/// The table as nft shows it. The order in which it shows chains and sets is that of their making.
fn shown(family: Family) -> Vec<String> {
    let ip = if family == Family::V4 { "ip" } else { "ip6" };
    let output = Command::new("nft").args(["list", "table", ip, "corvette"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, inside) = text.split_once("{\n").unwrap();
    let ends = |part: &str| elements_in_order(part.trim_end_matches(['}', '\n', '\t']).trim_start());
    let mut parts: Vec<String> = inside.split("\n\n").map(ends).collect();
    parts.sort();
    parts
}

/// A set with its elements in order: the kernel has none.
fn elements_in_order(part: &str) -> String {
    let Some((before, elements)) = part.split_once("elements = {") else { return part.trim().to_owned() };
    let mut elements: Vec<&str> = elements.trim_end_matches([' ', '\n', '\t', '}']).split(',').map(str::trim).collect();
    elements.sort_unstable();
    format!("{}{elements:?}", before.trim())
}

fn address(family: Family, range: u8, last: u8) -> IpAddr {
    match family {
        Family::V4 => [10, range, 0, last].into(),
        Family::V6 => [0xfd00, u16::from(range), 0, 0, 0, 0, 0, u16::from(last)].into(),
    }
}

/// A port with everything that a service can have.
fn port(family: Family, index: u8) -> impl Strategy<Value = Port> {
    let targets = vec(2_u8..9, 0..4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let protocol = prop_oneof![Just("tcp"), Just("udp"), Just("sctp")];
    (targets, flags, protocol, prop_oneof![Just(None), Just(Some(60)), Just(Some(10_800))]).prop_map(
        move |(mut lasts, (internal_local, external_local, node_port, balanced, checked), protocol, affinity)| {
            lasts.sort_unstable();
            lasts.dedup();
            let targets = |near: bool| {
                let lasts = lasts.iter().filter(move |last| !near || **last < 5);
                lasts.map(|last| Target { ip: address(family, 244, *last), port: 8080 }).collect::<Vec<_>>()
            };
            let ranges =
                if family == Family::V4 { ["203.0.113.0/24", "198.51.100.7/32"] } else { ["fd99::/64", "fd98::1/128"] };
            Port {
                name: format!("ns.{index}/web/{protocol}/80"),
                family,
                protocol,
                port: 80,
                cluster_ip: address(family, 96, index),
                external_ips: if balanced { vec![address(family, 50, 1)] } else { Vec::new() },
                balancer_ips: if balanced { vec![address(family, 51, index)] } else { Vec::new() },
                balancer_sources: if checked { ranges.map(ToOwned::to_owned).to_vec() } else { Vec::new() },
                node_port: node_port.then(|| 30_000 + u16::from(index)),
                affinity,
                internal_local,
                external_local,
                cluster: targets(false),
                local: targets(true),
            }
        },
    )
}

#[test]
fn any_change_leads_to_the_same_table_as_a_new_start() {
    if !netns::in_namespace("any_change_leads_to_the_same_table_as_a_new_start") {
        return;
    }
    let network = |text: &str| text.parse::<Network>().unwrap();
    let config = Config {
        node_name: "here".to_owned(),
        cluster: vec![network("10.244.0.0/16"), network("10.245.0.0/16"), network("fd00:f4::/64")],
        masquerade_egress: true,
    };
    let mut runner = TestRunner::deterministic();
    for family in Family::ALL {
        let ports = (0..6_u8).map(|index| prop::option::of(port(family, index))).collect::<Vec<_>>();
        let mut old = Table::default();
        apply(&Change::anew(family, &old));
        for _ in 0..CHANGES {
            let ports: Vec<Port> = ports.new_tree(&mut runner).unwrap().current().into_iter().flatten().collect();
            let new = table(&ports, family, &config);
            apply(&Change::between(family, &old, &new));
            let changed = shown(family);
            apply(&Change::anew(family, &new));
            let anew = shown(family);
            let differs = |one: &[String], other: &[String]| {
                one.iter().filter(|part| !other.contains(part)).cloned().collect::<Vec<_>>().join("\n")
            };
            assert_eq!(differs(&changed, &anew), differs(&anew, &changed));
            old = new;
        }
    }
}
