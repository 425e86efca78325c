//! Network policies.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, or_none, selector};
use crate::value::{at, list, shown, text, texts};

/// A direction of traffic.
struct Direction {
    policy: &'static str,
    word: &'static str,
    rules: &'static str,
    peers: &'static str,
    peer: &'static str,
    end: &'static str,
}

const DIRECTIONS: &[Direction] = &[
    Direction {
        policy: "Ingress",
        word: "ingress",
        rules: "/spec/ingress",
        peers: "/from",
        peer: "From",
        end: "source",
    },
    Direction { policy: "Egress", word: "egress", rules: "/spec/egress", peers: "/to", peer: "To", end: "destination" },
];

/// Writes a network policy.
pub fn describe(out: &mut Text, policy: &Value, _: &Related) {
    out.name_and_namespace(policy);
    line!(out, 0, "Created on:\t{}", created(policy));
    out.labels_and_annotations(policy);
    line!(out, 0, "Spec:");
    match selector(policy, "/spec/podSelector").as_str() {
        "" => line!(out, 1, "PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)"),
        pods => line!(out, 1, "PodSelector:     {pods}"),
    }
    let types = texts(policy, "/spec/policyTypes");
    for direction in DIRECTIONS {
        if types.contains(&direction.policy) {
            line!(out, 1, "Allowing {} traffic:", direction.word);
            rules(out, policy, direction);
        } else {
            line!(out, 1, "Not affecting {} traffic", direction.word);
        }
    }
    line!(out, 1, "Policy Types: {}", or_none(types.join(", ")));
}

/// As Go prints a time.
fn created(policy: &Value) -> String {
    match text(policy, "/metadata/creationTimestamp").parse::<jiff::Timestamp>() {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string(),
        Err(_) => "0001-01-01 00:00:00 +0000 UTC".to_owned(),
    }
}

fn rules(out: &mut Text, policy: &Value, direction: &Direction) {
    let rules = list(policy, direction.rules);
    if rules.is_empty() {
        line!(out, 2, "<none> (Selected pods are isolated for {} connectivity)", direction.word);
    }
    for (i, rule) in rules.iter().enumerate() {
        if i > 0 {
            line!(out, 2, "----------");
        }
        ports(out, rule);
        let peers = list(rule, direction.peers);
        if peers.is_empty() {
            line!(out, 2, "{}: <any> (traffic not restricted by {})", direction.peer, direction.end);
        }
        for peer in peers {
            line!(out, 2, "{}:", direction.peer);
            self::peer(out, peer);
        }
    }
}

fn ports(out: &mut Text, rule: &Value) {
    let ports = list(rule, "/ports");
    if ports.is_empty() {
        line!(out, 2, "To Port: <any> (traffic allowed to all ports)");
    }
    for port in ports {
        let protocol = text(port, "/protocol");
        let protocol = if protocol.is_empty() { "TCP" } else { protocol };
        let first = shown(port, "/port");
        let first = if first.is_empty() { "<nil>" } else { &first };
        match at(port, "/endPort") {
            Some(last) => line!(out, 2, "To Port Range: {first}-{last}/{protocol}"),
            None => line!(out, 2, "To Port: {first}/{protocol}"),
        }
    }
}

fn peer(out: &mut Text, peer: &Value) {
    for (label, pointer) in [("NamespaceSelector", "/namespaceSelector"), ("PodSelector", "/podSelector")] {
        if at(peer, pointer).is_some() {
            line!(out, 3, "{label}: {}", or_none(selector(peer, pointer)));
        }
    }
    if let Some(block) = at(peer, "/ipBlock") {
        line!(out, 3, "IPBlock:");
        line!(out, 4, "CIDR: {}", text(block, "/cidr"));
        line!(out, 4, "Except: {}", texts(block, "/except").join(", "));
    }
}
