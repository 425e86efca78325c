//! EndpointSlice (`pkg/apis/discovery/validation @ v1.36`).

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::cells::shortened;
use crate::kinds::common::metadata::labels;
use crate::kinds::common::network;
use crate::kinds::common::values::{each, fill, list, text};
use crate::kinds::kind::{Generation, Kind};
use crate::kinds::printing::UNSET;
use crate::names::{self, Verdict};

const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20000;
const MAX_ENDPOINTS: usize = 1000;
const MAX_HINTS: usize = 8;

/// The behaviour of EndpointSlices.
pub static ENDPOINT_SLICE: Kind = Kind {
    generation: Generation::DesiredAnd("labels"),
    default,
    validate,
    immutable: &["addressType"],
    columns: &[
        Column::NAME,
        Column::text("AddressType", "/addressType", "Kind of the addresses."),
        Column::shown("Ports", shown_ports, "Ports of every endpoint."),
        Column::shown("Endpoints", shown_addresses, "Addresses of the endpoints."),
        Column::AGE,
    ],
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    each(obj, "ports", |port| {
        fill(port, "name", "");
        fill(port, "protocol", "TCP");
    });
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let kind = root.child("addressType");
    kind.require_one_of(&["FQDN", "IPv4", "IPv6"], errs);
    endpoints(&root.child("endpoints"), kind.text(), errs);
    ports(&root.child("ports"), errs);
}

fn endpoints(all: &At<'_>, kind: &str, errs: &mut Errors) {
    if all.len() > MAX_ENDPOINTS {
        errs.too_many(all, all.len(), MAX_ENDPOINTS);
        return;
    }
    for endpoint in all.items() {
        let addresses = endpoint.child("addresses");
        match addresses.len() {
            0 => errs.required_because(&addresses, "must contain at least 1 address"),
            1..=MAX_ADDRESSES => {}
            n => errs.too_many(&addresses, n, MAX_ADDRESSES),
        }
        for address in addresses.items() {
            validate_address(&address, kind, errs);
        }
        endpoint.child("hostname").check_set(names::is_dns1123_label, errs);
        endpoint.child("nodeName").check_set(names::is_dns1123_subdomain, errs);
        labels(&endpoint.child("deprecatedTopology"), errs);
        let hints = endpoint.child("hints");
        hinted(&hints.child("forZones"), names::is_label_value, errs);
        hinted(&hints.child("forNodes"), names::is_dns1123_subdomain, errs);
    }
}

fn hinted(all: &At<'_>, check: fn(&str) -> Verdict, errs: &mut Errors) {
    if all.len() > MAX_HINTS {
        errs.too_many(all, all.len(), MAX_HINTS);
        return;
    }
    let mut seen = HashSet::new();
    for name in all.items().map(|hint| hint.child("name")) {
        if !seen.insert(name.text()) {
            errs.duplicate(&name);
        }
        name.check(check, errs);
    }
}

fn validate_address(address: &At<'_>, kind: &str, errs: &mut Errors) {
    let before = errs.len();
    match kind {
        "IPv4" if address.text().parse::<Ipv4Addr>().is_err() => errs.invalid(address, "must be a valid IPv4 address"),
        "IPv6" if address.text().parse::<Ipv6Addr>().is_err() => errs.invalid(address, "must be a valid IPv6 address"),
        "FQDN" => {
            let host = address.text().strip_suffix('.').unwrap_or(address.text());
            errs.invalid_each(address, host, names::is_dns1123_subdomain(host));
            return;
        }
        _ => {}
    }
    if errs.len() == before {
        network::no_special_ip(address, errs);
    }
}

fn ports(all: &At<'_>, errs: &mut Errors) {
    if all.len() > MAX_PORTS {
        errs.too_many(all, all.len(), MAX_PORTS);
        return;
    }
    let mut seen = HashSet::new();
    for port in all.items() {
        let name = port.child("name");
        name.check_given(names::is_dns1123_label, errs);
        if !seen.insert(name.text()) {
            errs.duplicate(&name);
        }
        network::protocol(&port.child("protocol"), errs);
        port.child("appProtocol").check_set(names::is_qualified_name, errs);
    }
}

fn shown_ports(obj: &Value) -> String {
    let port = |p: &Value| match p.get("port").and_then(Value::as_i64) {
        Some(number) => number.to_string(),
        None if text(p, "/name").is_empty() => "*".to_owned(),
        None => text(p, "/name").to_owned(),
    };
    shortened(&list(obj, "/ports").iter().map(port).collect::<Vec<_>>(), UNSET)
}

fn shown_addresses(obj: &Value) -> String {
    let all = list(obj, "/endpoints").iter().flat_map(|e| list(e, "/addresses"));
    shortened(&all.filter_map(|a| a.as_str().map(ToOwned::to_owned)).collect::<Vec<_>>(), UNSET)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells, check_update, context};

    #[test]
    fn addresses_and_ports() {
        check(
            &ENDPOINT_SLICE,
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]}),
            &[],
        );
        check(
            &ENDPOINT_SLICE,
            json!({"addressType": "IPv4", "endpoints": [{"addresses": []}, {"addresses": ["::1"]}], "ports": [{}, {"protocol": "X"}]}),
            &[
                "endpoints[0].addresses: Required value: must contain at least 1 address",
                "endpoints[1].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 address",
                "ports[1].name: Duplicate value: \"\"",
                "ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        );
        let hints = json!({"forZones": [{"name": "a"}, {"name": "a"}], "forNodes": [{"name": "n"}, {"name": "n"}]});
        check(
            &ENDPOINT_SLICE,
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"], "hints": hints}]}),
            &[
                "endpoints[0].hints.forZones[1].name: Duplicate value: \"a\"",
                "endpoints[0].hints.forNodes[1].name: Duplicate value: \"n\"",
            ],
        );
        check(&ENDPOINT_SLICE, json!({}), &["addressType: Required value"]);
        check_update(
            &ENDPOINT_SLICE,
            json!({"addressType": "IPv4"}),
            json!({"addressType": "FQDN"}),
            &["addressType: Invalid value: \"FQDN\": field is immutable"],
        );
    }

    #[test]
    fn generation_counts_labels_too() {
        let old = json!({"metadata": {"generation": 1}, "addressType": "IPv4"});
        let mut new = json!({"metadata": {"labels": {"a": "b"}}, "addressType": "IPv4"});
        ENDPOINT_SLICE.prepare_update(&context(), &mut new, &old);
        assert_eq!(new["metadata"]["generation"], 2);
        ENDPOINT_SLICE.prepare_update(&context(), &mut new.clone(), &new);
        assert_eq!(new["metadata"]["generation"], 2);
    }

    #[test]
    fn cells() {
        check_cells(
            &ENDPOINT_SLICE,
            &json!({"metadata": {"name": "s"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}, {"name": "x"}]}),
            &["s", "IPv4", "80,x", "10.0.0.1", "<unknown>"],
        );
    }
}
