use super::*;
use crate::model::tests::{port, target};

fn config() -> Config {
    Config {
        node_name: "here".to_owned(),
        cluster: vec!["10.244.0.0/16".parse().unwrap(), "fd00:1::/64".parse().unwrap()],
        masquerade_egress: true,
    }
}

fn made(ports: &[Port]) -> Table {
    table(ports, Family::V4, &config())
}

fn rules<'a>(table: &'a Table, chain: &str) -> Vec<&'a str> {
    table.chains[chain].rules.iter().map(String::as_str).collect()
}

fn value<'a>(table: &'a Table, set: &str, key: &str) -> Option<&'a str> {
    table.elements.get(set)?.get(key).map(String::as_str)
}

fn web(targets: &[u8]) -> Port {
    Port { cluster: targets.iter().map(|last| target(*last)).collect(), ..port("ns/web/tcp/80") }
}

#[test]
fn an_address_leads_to_one_of_the_targets() {
    let table = made(&[web(&[2, 3])]);
    assert_eq!(value(&table, "services", "10.96.0.7 . tcp . 80"), Some("goto service-ns/web/tcp/80"));
    let expected = [
        "ip daddr 10.96.0.7 ip saddr != 10.244.0.0/16 jump mark-for-masquerade",
        "meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }",
    ];
    assert_eq!(rules(&table, "service-ns/web/tcp/80"), expected);
    assert_eq!(
        table.elements["hairpins"].keys().collect::<Vec<_>>(),
        ["10.244.0.2 . 10.244.0.2", "10.244.0.3 . 10.244.0.3"]
    );
    assert!(table.elements["cluster-ips"].contains_key("10.96.0.7"));
    assert_eq!(rules(&made(&[web(&[2])]), "service-ns/web/tcp/80")[1], "meta l4proto tcp dnat ip to 10.244.0.2:8080");
}

#[test]
fn an_address_that_leads_nowhere_refuses() {
    let lonely = Port { node_port: Some(30080), external_ips: vec![[192, 0, 2, 9].into()], ..web(&[]) };
    let table = made(std::slice::from_ref(&lonely));
    for key in ["10.96.0.7 . tcp . 80", "192.0.2.9 . tcp . 80"] {
        assert_eq!(value(&table, "no-endpoints", key), Some("goto refuse"));
    }
    assert_eq!(value(&table, "no-endpoint-node-ports", "tcp . 30080"), Some("goto refuse"));
    assert!(!table.elements.contains_key("services") && !table.elements.contains_key("node-ports"));
    // Targets elsewhere, none on this node: silence, and what comes from here goes there all the same.
    let elsewhere = Port { external_local: true, internal_local: true, cluster: vec![target(2)], ..lonely };
    let table = made(&[elsewhere]);
    assert_eq!(value(&table, "no-endpoints", "10.96.0.7 . tcp . 80"), Some("drop"));
    assert_eq!(value(&table, "no-endpoint-node-ports", "tcp . 30080"), Some("drop"));
    assert_eq!(value(&table, "services", "10.96.0.7 . tcp . 80"), None);
    assert_eq!(value(&table, "node-ports", "tcp . 30080"), Some("goto external-ns/web/tcp/80"));
    let expected = [
        "ip saddr 10.244.0.0/16 goto service-ns/web/tcp/80",
        "fib saddr type local jump mark-for-masquerade",
        "fib saddr type local goto service-ns/web/tcp/80",
    ];
    assert_eq!(rules(&table, "external-ns/web/tcp/80"), expected);
}

#[test]
fn policies_choose_between_everywhere_and_here() {
    let port = Port { node_port: Some(30080), local: vec![target(3)], ..web(&[2, 3]) };
    let table = made(std::slice::from_ref(&port));
    let everywhere = "meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }";
    let here = "meta l4proto tcp dnat ip to 10.244.0.3:8080";
    assert_eq!(rules(&table, "external-ns/web/tcp/80"), ["jump mark-for-masquerade", everywhere]);
    let table = made(&[Port { external_local: true, internal_local: true, ..port.clone() }]);
    assert_eq!(value(&table, "services", "10.96.0.7 . tcp . 80"), Some("goto local-ns/web/tcp/80"));
    assert_eq!(rules(&table, "local-ns/web/tcp/80")[1], here);
    assert_eq!(rules(&table, "service-ns/web/tcp/80")[1], everywhere, "for what comes from here to the nodes' ports");
    assert_eq!(rules(&table, "external-ns/web/tcp/80")[3], here);
    let table = made(&[Port { internal_local: true, ..port }]);
    assert!(!table.chains.contains_key("service-ns/web/tcp/80"), "nothing leads there");
}

#[test]
fn clients_keep_their_target() {
    let table = made(&[Port { affinity: Some(60), ..web(&[2, 3]) }]);
    let expected = [
        "ip daddr 10.96.0.7 ip saddr != 10.244.0.0/16 jump mark-for-masquerade",
        "ip saddr @affinity-60-ns/web/tcp/80/10.244.0.2/8080 goto endpoint-ns/web/tcp/80/10.244.0.2/8080",
        "ip saddr @affinity-60-ns/web/tcp/80/10.244.0.3/8080 goto endpoint-ns/web/tcp/80/10.244.0.3/8080",
        "numgen random mod 2 vmap { 0 : goto endpoint-ns/web/tcp/80/10.244.0.2/8080, 1 : goto endpoint-ns/web/tcp/80/10.244.0.3/8080 }",
    ];
    assert_eq!(rules(&table, "service-ns/web/tcp/80"), expected);
    let expected = [
        "update @affinity-60-ns/web/tcp/80/10.244.0.2/8080 { ip saddr }",
        "meta l4proto tcp dnat ip to 10.244.0.2:8080",
    ];
    assert_eq!(rules(&table, "endpoint-ns/web/tcp/80/10.244.0.2/8080"), expected);
}

#[test]
fn a_balancer_lets_in_whom_it_is_told() {
    let balanced = Port {
        balancer_ips: vec![[192, 0, 2, 1].into()],
        balancer_sources: vec!["203.0.113.0/24".to_owned(), "198.51.100.7/32".to_owned()],
        ..web(&[2])
    };
    let table = made(&[balanced]);
    assert_eq!(value(&table, "firewall", "192.0.2.1 . tcp . 80"), Some("goto firewall-ns/web/tcp/80"));
    assert_eq!(
        rules(&table, "firewall-ns/web/tcp/80"),
        ["ip saddr { 203.0.113.0/24, 198.51.100.7/32 } return", "drop"]
    );
    assert_eq!(value(&table, "services", "192.0.2.1 . tcp . 80"), Some("goto external-ns/web/tcp/80"));
}

#[test]
fn the_first_of_two_services_keeps_an_external_address() {
    let with = |name: &str| Port { name: name.to_owned(), external_ips: vec![[192, 0, 2, 9].into()], ..web(&[2]) };
    let table = made(&[with("a/x/tcp/80"), with("b/y/tcp/80")]);
    assert_eq!(value(&table, "services", "192.0.2.9 . tcp . 80"), Some("goto external-a/x/tcp/80"));
}

#[test]
fn each_family_has_its_own_words() {
    let ip = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    let six = Port {
        family: Family::V6,
        cluster_ip: ip("fd00::7"),
        affinity: Some(5),
        cluster: vec![crate::model::Target { ip: ip("fd00:1::2"), port: 8080 }],
        ..port("ns/web/tcp/80")
    };
    assert!(!made(std::slice::from_ref(&six)).elements.contains_key("services"));
    let table = table(&[six], Family::V6, &config());
    assert_eq!(
        rules(&table, "endpoint-ns/web/tcp/80/fd00.1..2/8080")[1],
        "meta l4proto tcp dnat ip6 to [fd00:1::2]:8080"
    );
    assert!(table.sets["services"].1.contains("ipv6_addr"));
    assert_eq!(Change::anew(Family::V6, &table).first.lines().next(), Some("add table ip6 corvette"));
}

#[test]
fn a_change_touches_what_differs() {
    let (old, new) = (made(&[web(&[2]), port("ns/other/tcp/80")]), made(&[web(&[2, 3]), port("ns/other/tcp/80")]));
    let change = Change::between(Family::V4, &old, &new);
    let expected = [
        "add chain ip corvette service-ns/web/tcp/80",
        "flush chain ip corvette service-ns/web/tcp/80",
        "add rule ip corvette service-ns/web/tcp/80 ip daddr 10.96.0.7 ip saddr != 10.244.0.0/16 jump mark-for-masquerade",
        "add rule ip corvette service-ns/web/tcp/80 meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }",
        "add element ip corvette hairpins { 10.244.0.3 . 10.244.0.3 }",
    ];
    assert_eq!(change.first.lines().collect::<Vec<_>>(), expected);
    assert_eq!(change.then, "");
    let gone = Change::between(Family::V4, &new, &made(&[]));
    assert!(gone.first.contains("delete element ip corvette services { 10.96.0.7 . tcp . 80 }"), "{}", gone.first);
    let removed = "flush chain ip corvette service-ns/web/tcp/80\ndelete chain ip corvette service-ns/web/tcp/80\n";
    assert_eq!(gone.then, removed);
    assert!(Change::between(Family::V4, &new, &new).is_empty());
}
