//! What the cluster's names are answered.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::str::FromStr as _;

use common::{apply_service, apply_slice, service, slice, zone};
use corvette_client::NamespacedName;
use corvette_dns::answer::{Answer, answer};
use corvette_dns::zone::Zone;
use hickory_proto::op::Query;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;
use serde_json::{Value, json};

fn query(name: &str, kind: &str) -> Query {
    Query::query(Name::from_ascii(name).unwrap(), RecordType::from_str(kind).unwrap())
}

fn line(record: &Record) -> String {
    format!("{} {} {} {}", record.name, record.ttl, record.record_type(), record.data)
}

/// An answer as lines: records, `+` additional ones, `->` a name to look up.
fn lines(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Elsewhere => vec!["elsewhere".to_owned()],
        Answer::NotYet => vec!["not yet".to_owned()],
        Answer::NoData(soa) => vec!["no data".to_owned(), soa.name.to_string()],
        Answer::NoName(soa) => vec!["no name".to_owned(), soa.name.to_string()],
        Answer::Leads { answers, target } => answers.iter().map(line).chain([format!("-> {target}")]).collect(),
        Answer::Found { answers, additionals } => {
            answers.iter().map(line).chain(additionals.iter().map(|record| format!("+ {}", line(record)))).collect()
        }
    }
}

#[track_caller]
fn check_in(zone: &Zone, name: &str, kind: &str, expected: &[&str]) {
    assert_eq!(lines(answer(zone, &query(name, kind), 0)), expected, "{name} {kind}");
}

#[track_caller]
fn check(name: &str, kind: &str, expected: &[&str]) {
    check_in(&zone(), name, kind, expected);
}

const NO_DATA: &[&str] = &["no data", "cluster.local."];
const NO_NAME: &[&str] = &["no name", "cluster.local."];
const ELSEWHERE: &[&str] = &["elsewhere"];

#[test]
fn a_service_has_its_cluster_addresses_by_family() {
    check("web.n.svc.cluster.local.", "A", &["web.n.svc.cluster.local. 30 A 10.96.0.7"]);
    check("old.n.svc.cluster.local.", "A", &["old.n.svc.cluster.local. 30 A 10.96.0.8"]);
    check("dual.n.svc.cluster.local.", "A", &["dual.n.svc.cluster.local. 30 A 10.96.0.9"]);
    check("dual.n.svc.cluster.local.", "AAAA", &["dual.n.svc.cluster.local. 30 AAAA fd00:96::9"]);
    check("kubernetes.default.svc.cluster.local.", "A", &["kubernetes.default.svc.cluster.local. 30 A 10.96.0.1"]);
}

#[test]
fn an_existing_name_without_the_type_is_no_data() {
    for (name, kinds) in [
        ("web.n.svc.cluster.local.", &["AAAA", "MX", "CNAME", "TXT", "NS", "SOA", "PTR", "ANY", "HTTPS"][..]),
        ("waiting.n.svc.cluster.local.", &["A", "AAAA"]),
        ("bare.n.svc.cluster.local.", &["SRV", "AAAA"]),
        ("n.svc.cluster.local.", &["A", "AAAA", "SRV", "TXT", "NS", "SOA"]),
        ("vacant.svc.cluster.local.", &["A"]),
        ("n.pod.cluster.local.", &["A"]),
        ("svc.cluster.local.", &["A", "TXT"]),
        ("pod.cluster.local.", &["A"]),
        ("dns.cluster.local.", &["A"]),
        ("cluster.local.", &["A", "AAAA", "TXT", "SRV"]),
        ("dns-version.cluster.local.", &["A", "SRV"]),
        ("ns.dns.cluster.local.", &["AAAA", "TXT"]),
        ("10-1-2-3.n.pod.cluster.local.", &["AAAA", "TXT"]),
        ("ext.n.svc.cluster.local.", &["SRV", "TXT", "MX"]),
    ] {
        for kind in kinds {
            check(name, kind, NO_DATA);
        }
    }
}

#[test]
fn a_name_that_stands_for_nothing_does_not_exist() {
    for name in [
        "none.n.svc.cluster.local.",
        "web.none.svc.cluster.local.",
        "none.svc.cluster.local.",
        "none.pod.cluster.local.",
        "x.cluster.local.",
        "x.dns.cluster.local.",
        "web.n.cluster.local.",
        "_https._tcp.web.n.svc.cluster.local.",
        "_http._udp.web.n.svc.cluster.local.",
        "_http._tcp.bare.n.svc.cluster.local.",
        "a._http._tcp.web.n.svc.cluster.local.",
        "none.db.n.svc.cluster.local.",
        "db-9.db.n.svc.cluster.local.",
        "empty.n.svc.cluster.local.",
        "number.n.svc.cluster.local.",
        "x.ext.n.svc.cluster.local.",
        "10-1-2.n.pod.cluster.local.",
        "10-1-2-3.none.pod.cluster.local.",
        "x.10-1-2-3.n.pod.cluster.local.",
        "www.example.com.n.svc.cluster.local.",
        "web.n.svc.cluster.local.n.svc.cluster.local.",
        "web.n.svc.cluster.local.svc.cluster.local.",
        "web.n.svc.cluster.local.cluster.local.",
    ] {
        for kind in ["A", "AAAA", "SRV", "TXT"] {
            check(name, kind, NO_NAME);
        }
    }
}

#[test]
fn a_label_that_is_not_text_does_not_exist() {
    let labels: [&[u8]; 5] = [b"\xff\xfe", b"n", b"svc", b"cluster", b"local"];
    let query = Query::query(Name::from_labels(labels).unwrap(), RecordType::A);
    assert_eq!(lines(answer(&zone(), &query, 0)), NO_NAME);
}

#[test]
fn names_compare_without_case_and_keep_it() {
    check("WEB.n.Svc.CLUSTER.local.", "A", &["WEB.n.Svc.CLUSTER.local. 30 A 10.96.0.7"]);
    check(
        "Db-0.DB.N.svc.cluster.local.",
        "A",
        &["Db-0.DB.N.svc.cluster.local. 30 A 10.1.0.2", "Db-0.DB.N.svc.cluster.local. 30 A 10.1.0.5"],
    );
    check("DNS-Version.Cluster.Local.", "TXT", &["DNS-Version.Cluster.Local. 28800 TXT 1.1.0"]);
    let mut zone = Zone::new("Corp.Example", None).unwrap();
    zone.apply_namespace("n");
    apply_service(&mut zone, &service("n", "web", json!({ "clusterIP": "10.96.0.7" })));
    zone.set_synced();
    check_in(&zone, "web.n.svc.corp.EXAMPLE.", "A", &["web.n.svc.corp.EXAMPLE. 30 A 10.96.0.7"]);
    check_in(&zone, "web.n.svc.cluster.local.", "A", ELSEWHERE);
}

#[test]
fn a_headless_service_has_its_ready_endpoints() {
    check(
        "db.n.svc.cluster.local.",
        "A",
        &[
            "db.n.svc.cluster.local. 30 A 10.1.0.2",
            "db.n.svc.cluster.local. 30 A 10.1.0.3",
            "db.n.svc.cluster.local. 30 A 10.1.0.5",
        ],
    );
    check("db.n.svc.cluster.local.", "AAAA", &["db.n.svc.cluster.local. 30 AAAA fd00:1::5"]);
    check("early.n.svc.cluster.local.", "A", &["early.n.svc.cluster.local. 30 A 10.1.0.6"]);
    check("bare.n.svc.cluster.local.", "A", &["bare.n.svc.cluster.local. 30 A 10.1.0.7"]);
}

#[test]
fn endpoints_have_names_by_hostname_or_by_address() {
    for (name, kind, address) in [
        ("early.n", "A", "10.1.0.6"),
        ("e-0.early.n", "A", "10.1.0.6"),
        ("b-0.bare.n", "A", "10.1.0.7"),
        ("10-1-0-3.db.n", "A", "10.1.0.3"),
        ("fd00-1--5.db.n", "AAAA", "fd00:1::5"),
        ("10-1-0-1.web.n", "A", "10.1.0.1"),
    ] {
        let name = format!("{name}.svc.cluster.local.");
        check(&name, kind, &[&format!("{name} 30 {kind} {address}")]);
    }
    check("10-1-0-2.db.n.svc.cluster.local.", "A", NO_NAME);
    check("10-1-0-3.db.n.svc.cluster.local.", "AAAA", NO_DATA);
}

#[test]
fn srv_records_name_ports_and_where_they_are() {
    check(
        "_http._tcp.web.n.svc.cluster.local.",
        "SRV",
        &[
            "_http._tcp.web.n.svc.cluster.local. 30 SRV 0 100 80 web.n.svc.cluster.local.",
            "+ web.n.svc.cluster.local. 30 A 10.96.0.7",
        ],
    );
    check(
        "_DNS._Udp.dual.n.svc.cluster.local.",
        "SRV",
        &[
            "_DNS._Udp.dual.n.svc.cluster.local. 30 SRV 0 100 53 dual.n.svc.cluster.local.",
            "+ dual.n.svc.cluster.local. 30 A 10.96.0.9",
            "+ dual.n.svc.cluster.local. 30 AAAA fd00:96::9",
        ],
    );
    check(
        "web.n.svc.cluster.local.",
        "SRV",
        &[
            "web.n.svc.cluster.local. 30 SRV 0 100 80 web.n.svc.cluster.local.",
            "+ web.n.svc.cluster.local. 30 A 10.96.0.7",
        ],
    );
    check("_http._tcp.web.n.svc.cluster.local.", "A", &["_http._tcp.web.n.svc.cluster.local. 30 A 10.96.0.7"]);
}

#[test]
fn srv_records_of_a_headless_service_name_each_endpoint() {
    check(
        "_http._tcp.db.n.svc.cluster.local.",
        "SRV",
        &[
            "_http._tcp.db.n.svc.cluster.local. 30 SRV 0 33 8080 db-0.db.n.svc.cluster.local.",
            "_http._tcp.db.n.svc.cluster.local. 30 SRV 0 33 8080 10-1-0-3.db.n.svc.cluster.local.",
            "_http._tcp.db.n.svc.cluster.local. 30 SRV 0 33 8080 fd00-1--5.db.n.svc.cluster.local.",
            "+ db-0.db.n.svc.cluster.local. 30 A 10.1.0.2",
            "+ 10-1-0-3.db.n.svc.cluster.local. 30 A 10.1.0.3",
            "+ db-0.db.n.svc.cluster.local. 30 A 10.1.0.5",
            "+ fd00-1--5.db.n.svc.cluster.local. 30 AAAA fd00:1::5",
        ],
    );
    check(
        "e-0.early.n.svc.cluster.local.",
        "SRV",
        &[
            "e-0.early.n.svc.cluster.local. 30 SRV 0 100 8080 e-0.early.n.svc.cluster.local.",
            "+ e-0.early.n.svc.cluster.local. 30 A 10.1.0.6",
        ],
    );
}

#[test]
fn an_external_name_leads_elsewhere() {
    let cname = "ext.n.svc.cluster.local. 30 CNAME www.Example.com.";
    check("ext.n.svc.cluster.local.", "CNAME", &[cname]);
    check("ext.n.svc.cluster.local.", "A", &[cname, "-> www.Example.com."]);
    check("ext.n.svc.cluster.local.", "AAAA", &[cname, "-> www.Example.com."]);
    check(
        "far.n.svc.cluster.local.",
        "A",
        &["far.n.svc.cluster.local. 30 CNAME ext.n.svc.cluster.local.", cname, "-> www.Example.com."],
    );
}

#[test]
fn an_external_name_inside_the_cluster_is_followed() {
    let last =
        ["inner.n.svc.cluster.local. 30 CNAME web.n.svc.cluster.local.", "web.n.svc.cluster.local. 30 A 10.96.0.7"];
    check("inner.n.svc.cluster.local.", "A", &last);
    let first = "outer.n.svc.cluster.local. 30 CNAME inner.n.svc.cluster.local.";
    check("outer.n.svc.cluster.local.", "A", &[first, last[0], last[1]]);
    for name in ["inner", "lost", "self", "ping"] {
        check(&format!("{name}.n.svc.cluster.local."), "AAAA", NO_DATA);
    }
}

#[test]
fn pods_are_answered_by_their_address() {
    check("10-1-2-3.n.pod.cluster.local.", "A", &["10-1-2-3.n.pod.cluster.local. 30 A 10.1.2.3"]);
    check("fd00--7.n.pod.cluster.local.", "AAAA", &["fd00--7.n.pod.cluster.local. 30 AAAA fd00::7"]);
}

#[test]
fn addresses_of_services_and_endpoints_have_names() {
    check("7.0.96.10.in-addr.arpa.", "PTR", &["7.0.96.10.in-addr.arpa. 30 PTR web.n.svc.cluster.local."]);
    check("2.0.1.10.IN-ADDR.arpa.", "PTR", &["2.0.1.10.IN-ADDR.arpa. 30 PTR db-0.db.n.svc.cluster.local."]);
    check("3.0.1.10.in-addr.arpa.", "PTR", &["3.0.1.10.in-addr.arpa. 30 PTR 10-1-0-3.db.n.svc.cluster.local."]);
    check("6.0.1.10.in-addr.arpa.", "PTR", &["6.0.1.10.in-addr.arpa. 30 PTR e-0.early.n.svc.cluster.local."]);
    let digits = format!("{:032x}", "fd00:96::9".parse::<std::net::Ipv6Addr>().unwrap().to_bits());
    let name = digits.chars().rev().map(|digit| format!("{digit}.")).collect::<String>() + "ip6.arpa.";
    check(&name, "PTR", &[&format!("{name} 30 PTR dual.n.svc.cluster.local.")]);
    let mut zone = zone();
    let endpoints = json!([{ "addresses": ["10.1.0.2"], "hostname": "x" }]);
    apply_slice(&mut zone, &slice("n", "bare-2", "bare", Value::Null, endpoints));
    check_in(
        &zone,
        "2.0.1.10.in-addr.arpa.",
        "PTR",
        &[
            "2.0.1.10.in-addr.arpa. 30 PTR x.bare.n.svc.cluster.local.",
            "2.0.1.10.in-addr.arpa. 30 PTR db-0.db.n.svc.cluster.local.",
        ],
    );
}

#[test]
fn what_is_not_the_clusters_is_looked_up_elsewhere() {
    for (name, kind) in [
        ("example.com.", "A"),
        (".", "NS"),
        ("local.", "SOA"),
        ("9.9.9.9.in-addr.arpa.", "PTR"),
        ("4.0.1.10.in-addr.arpa.", "PTR"),
        ("7.0.96.10.in-addr.arpa.", "TXT"),
        ("0.96.10.in-addr.arpa.", "PTR"),
        ("10.in-addr.arpa.", "SOA"),
        ("1.ip6.arpa.", "PTR"),
    ] {
        check(name, kind, ELSEWHERE);
    }
}

#[test]
fn the_zone_has_authority_server_and_version() {
    let soa = "cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30";
    check("cluster.local.", "SOA", &[soa]);
    let Answer::NoName(found) = answer(&zone(), &query("x.Cluster.local.", "A"), 0) else { panic!("it exists") };
    assert_eq!(line(&found), soa);
    check(
        "cluster.local.",
        "NS",
        &["cluster.local. 30 NS ns.dns.cluster.local.", "+ ns.dns.cluster.local. 30 A 10.96.0.10"],
    );
    check("ns.dns.cluster.local.", "A", &["ns.dns.cluster.local. 30 A 10.96.0.10"]);
    check("dns-version.cluster.local.", "TXT", &["dns-version.cluster.local. 28800 TXT 1.1.0"]);
    let mut zone = zone();
    apply_service(&mut zone, &service("kube-system", "kube-dns", json!({ "clusterIPs": ["10.96.0.53"] })));
    check_in(&zone, "ns.dns.cluster.local.", "A", &["ns.dns.cluster.local. 30 A 10.96.0.53"]);
}

#[test]
fn until_the_cluster_is_known_nothing_is_denied() {
    let mut zone = Zone::new("cluster.local", None).unwrap();
    for name in ["web.n.svc.cluster.local.", "cluster.local.", "x.cluster.local.", "7.0.96.10.in-addr.arpa."] {
        check_in(&zone, name, "A", &["not yet"]);
    }
    check_in(&zone, "example.com.", "A", ELSEWHERE);
    zone.set_synced();
    check_in(&zone, "web.n.svc.cluster.local.", "A", NO_NAME);
}

#[test]
fn each_address_is_first_in_its_turn() {
    let (zone, query) = (zone(), query("db.n.svc.cluster.local.", "A"));
    let mut firsts = Vec::new();
    for turn in [0, 1, 2, 3, usize::MAX] {
        let Answer::Found { answers, .. } = answer(&zone, &query, turn) else { panic!("no answer") };
        assert_eq!(answers.len(), 3);
        let RData::A(address) = &answers[0].data else { panic!("no address") };
        firsts.push(address.0.octets()[3]);
    }
    assert_eq!(firsts, [2, 3, 5, 2, 2]);
}

#[test]
fn changes_are_seen_and_what_stayed_the_same_is_none() {
    let mut zone = zone();
    let web = |address: &str| service("n", "web", json!({ "clusterIP": address }));
    assert!(apply_service(&mut zone, &web("10.96.0.70")));
    assert!(!apply_service(&mut zone, &web("10.96.0.70")));
    check_in(&zone, "web.n.svc.cluster.local.", "A", &["web.n.svc.cluster.local. 30 A 10.96.0.70"]);
    check_in(&zone, "7.0.96.10.in-addr.arpa.", "PTR", ELSEWHERE);
    check_in(&zone, "70.0.96.10.in-addr.arpa.", "PTR", &["70.0.96.10.in-addr.arpa. 30 PTR web.n.svc.cluster.local."]);
    let key = NamespacedName::new("n", "web");
    assert!(zone.delete_service(&key) && !zone.delete_service(&key));
    check_in(&zone, "web.n.svc.cluster.local.", "A", NO_NAME);
    let key = NamespacedName::new("n", "early-1");
    assert!(zone.delete_slice(&key) && !zone.delete_slice(&key));
    check_in(&zone, "early.n.svc.cluster.local.", "A", NO_NAME);
    check_in(&zone, "6.0.1.10.in-addr.arpa.", "PTR", ELSEWHERE);
    assert!(zone.delete_namespace("vacant") && !zone.delete_namespace("vacant"));
    check_in(&zone, "vacant.svc.cluster.local.", "A", NO_NAME);
}

#[test]
fn a_slice_that_changes_its_service_leaves_nothing_behind() {
    let mut zone = zone();
    let endpoints = json!([{ "addresses": ["10.1.0.6"], "hostname": "e-0" }]);
    assert!(apply_slice(&mut zone, &slice("n", "early-1", "empty", Value::Null, endpoints)));
    check_in(&zone, "early.n.svc.cluster.local.", "A", NO_NAME);
    check_in(&zone, "empty.n.svc.cluster.local.", "A", &["empty.n.svc.cluster.local. 30 A 10.1.0.6"]);
    check_in(&zone, "6.0.1.10.in-addr.arpa.", "PTR", &["6.0.1.10.in-addr.arpa. 30 PTR e-0.empty.n.svc.cluster.local."]);
    let unlabelled =
        json!({ "metadata": { "namespace": "n", "name": "early-1" }, "addressType": "IPv4", "endpoints": [] });
    assert!(apply_slice(&mut zone, &unlabelled));
    check_in(&zone, "empty.n.svc.cluster.local.", "A", NO_NAME);
}

#[test]
fn an_endpoint_in_two_slices_counts_once() {
    let mut zone = zone();
    let (ports, endpoints) =
        (json!([{ "name": "http", "port": 8080 }]), json!([{ "addresses": ["10.1.0.6"], "hostname": "e-0" }]));
    apply_slice(&mut zone, &slice("n", "early-2", "early", ports, endpoints));
    check_in(&zone, "early.n.svc.cluster.local.", "A", &["early.n.svc.cluster.local. 30 A 10.1.0.6"]);
    check_in(&zone, "6.0.1.10.in-addr.arpa.", "PTR", &["6.0.1.10.in-addr.arpa. 30 PTR e-0.early.n.svc.cluster.local."]);
    check_in(
        &zone,
        "_http._tcp.early.n.svc.cluster.local.",
        "SRV",
        &[
            "_http._tcp.early.n.svc.cluster.local. 30 SRV 0 100 8080 e-0.early.n.svc.cluster.local.",
            "+ e-0.early.n.svc.cluster.local. 30 A 10.1.0.6",
        ],
    );
}

#[test]
fn a_domain_must_be_a_name() {
    for domain in ["", ".", "a..b", &"x".repeat(64)] {
        assert!(Zone::new(domain, None).is_err(), "{domain:?}");
    }
}

/// One edit of a small world: which kind, which object, which variant of it; variant 0 deletes.
type Edit = (bool, u8, u8);

fn edit(zone: &mut Zone, (of_service, object, variant): Edit) {
    let (service_name, slice_name) = (format!("s{}", object % 3), format!("e{object}"));
    if variant == 0 {
        if of_service {
            zone.delete_service(&NamespacedName::new("n", service_name));
        } else {
            zone.delete_slice(&NamespacedName::new("n", slice_name));
        }
    } else if of_service {
        let spec = match variant {
            1 => json!({ "clusterIP": "None", "ports": [{ "name": "p", "port": 1 }] }),
            2 => json!({ "clusterIP": format!("10.0.0.{}", object % 2), "ports": [{ "name": "p", "port": 1 }] }),
            3 => json!({ "clusterIP": "None", "publishNotReadyAddresses": true }),
            _ => json!({ "type": "ExternalName", "externalName": "s0.n.svc.cluster.local" }),
        };
        apply_service(zone, &service("n", &service_name, spec));
    } else {
        let endpoints = json!([
            { "addresses": [format!("10.1.0.{variant}")], "conditions": { "ready": variant % 2 == 0 } },
            { "addresses": ["10.1.0.9"], "hostname": format!("h{object}") },
        ]);
        let service = format!("s{}", variant % 3);
        apply_slice(zone, &slice("n", &slice_name, &service, json!([{ "name": "p", "port": 1 }]), endpoints));
    }
}

fn world() -> Zone {
    let mut zone = Zone::new("cluster.local", None).unwrap();
    zone.apply_namespace("n");
    zone.set_synced();
    zone
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However the objects came to be what they are, answers are those of a zone that was told the last versions only.
    #[test]
    fn answers_do_not_depend_on_history(edits in prop::collection::vec((any::<bool>(), 0u8..5, 0u8..5), 0..40)) {
        let mut zone = world();
        edits.iter().for_each(|e| edit(&mut zone, *e));
        let mut fresh = world();
        let mut last = std::collections::BTreeMap::new();
        for (of_service, object, variant) in edits {
            let id = if of_service { object % 3 } else { object };
            last.insert((of_service, id), (of_service, object, variant));
        }
        last.into_values().for_each(|e| edit(&mut fresh, e));
        let names = ["s0", "s1", "s2", "h0.s0", "h1.s1", "h4.s2", "_p._tcp.s1", "10-1-0-2.s2", "10-1-0-4.s1"];
        let names = names.iter().map(|name| format!("{name}.n.svc.cluster.local."));
        let reverse = (0..10).flat_map(|i| [format!("{i}.0.0.10.in-addr.arpa."), format!("{i}.0.1.10.in-addr.arpa.")]);
        for name in names.chain(reverse) {
            for kind in ["A", "SRV", "PTR", "CNAME"] {
                let query = query(&name, kind);
                prop_assert_eq!(answer(&zone, &query, 0), answer(&fresh, &query, 0), "{} {}", name, kind);
            }
        }
    }

    /// Any name gets an answer, and below the domain one of the zone's own.
    #[test]
    fn any_name_has_an_answer(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8), below in any::<bool>()) {
        let mut labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
        if below {
            labels.extend([&b"n"[..], b"svc", b"cluster", b"local"]);
        }
        let name = Name::from_labels(labels).unwrap();
        for kind in [RecordType::A, RecordType::SRV, RecordType::PTR] {
            let found = answer(&zone(), &Query::query(name.clone(), kind), 3);
            let ours = matches!(found, Answer::Found { .. } | Answer::NoData(_) | Answer::NoName(_));
            prop_assert!(ours || !below);
        }
    }
}
