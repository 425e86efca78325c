//! NetworkPolicy (`pkg/apis/networking/validation: ValidateNetworkPolicy @ v1.36`).

use serde_json::{Value, json};

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{each, ensure, fill, is_zero, list, set};
use crate::kinds::common::{network, selector};
use crate::kinds::kind::Kind;
use crate::kinds::printing::label_selector;

/// The behaviour of NetworkPolicies.
pub static NETWORK_POLICY: Kind = Kind {
    default,
    validate,
    columns: &[
        Column::NAME,
        Column::new(
            "Pod-Selector",
            "string",
            |obj, _| label_selector(obj.pointer("/spec/podSelector")).into(),
            "Labels of the pods the policy is for.",
        ),
        Column::AGE,
    ],
    ..Kind::COUNTED
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    for direction in ["ingress", "egress"] {
        each(spec, direction, |rule| each(rule, "ports", |port| fill(port, "protocol", "TCP")));
    }
    if is_zero(spec.get("policyTypes")) {
        let egress = !list(spec, "/egress").is_empty();
        set(spec, "policyTypes", if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) });
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    selector::validate(&spec.child("podSelector"), errs);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.child(direction).items() {
            for port in rule.child("ports").items() {
                validate_port(&port, errs);
            }
            for peer in rule.child(peers).items() {
                validate_peer(&peer, errs);
            }
        }
    }
    let types = spec.child("policyTypes");
    if types.len() > 2 {
        errs.invalid(&types, "may not specify more than two policyTypes");
        return;
    }
    for kind in types.items() {
        kind.one_of(&["Egress", "Ingress"], errs);
    }
}

fn validate_port(port: &At<'_>, errs: &mut Errors) {
    port.child("protocol").one_of(network::PROTOCOLS, errs);
    let (first, last) = (port.child("port"), port.child("endPort"));
    if first.exists() {
        network::port_or_name(&first, errs);
    }
    if !last.exists() {
        return;
    }
    match (first.i64(), last.i64()) {
        _ if !first.exists() => errs.required_because(&first, "must be specified if `endPort` is specified"),
        (None, _) => errs.invalid(&last, "may not be specified when `port` is non-numeric"),
        (Some(from), Some(to)) if to < from => errs.invalid(&last, "must be greater than or equal to `port`"),
        _ => network::port(&last, errs),
    }
}

fn validate_peer(peer: &At<'_>, errs: &mut Errors) {
    let block = peer.child("ipBlock");
    let selectors: Vec<At<'_>> =
        ["podSelector", "namespaceSelector"].into_iter().map(|f| peer.child(f)).filter(At::exists).collect();
    for one in &selectors {
        selector::validate(one, errs);
    }
    if !block.exists() {
        if selectors.is_empty() {
            errs.required_because(peer, "must specify a peer");
        }
        return;
    }
    if !selectors.is_empty() {
        errs.forbidden(peer, "may not specify both ipBlock and another peer");
    }
    let cidr = block.child("cidr");
    if !cidr.require(errs) {
        return;
    }
    cidr.check(network::cidr, errs);
    let outer = network::parse_cidr(cidr.text());
    for except in block.child("except").items() {
        except.check(network::cidr, errs);
        if let (Some(outer), Some(inner)) = (outer, network::parse_cidr(except.text()))
            && !network::strictly_within(inner, outer)
        {
            errs.invalid(&except, "must be a strict subset of `cidr`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::checking::{check, check_cells, defaulted};

    #[test]
    fn defaults() {
        let obj = defaulted(&NETWORK_POLICY, json!({"spec": {"egress": [{"ports": [{"port": 53}]}]}}));
        assert_eq!(obj["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(obj["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
    }

    #[test]
    fn peers_and_ports() {
        check(
            &NETWORK_POLICY,
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16"]}}],
                "ports": [{"port": 80, "endPort": 70}, {"port": "http", "endPort": 90}]}]}}),
            &[
                "spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`",
                "spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                "spec.ingress[0].from[0]: Required value: must specify a peer",
                "spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
            ],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &NETWORK_POLICY,
            &json!({"metadata": {"name": "p"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
            &["p", "a=b", "<unknown>"],
        );
    }
}
