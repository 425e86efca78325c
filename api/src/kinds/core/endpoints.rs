//! Endpoints (`pkg/apis/core/validation: ValidateEndpoints @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::cells::shortened;
use crate::kinds::common::network;
use crate::kinds::common::values::{each, fill_zero, int, list, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::names;

/// The behaviour of Endpoints.
pub static ENDPOINTS: Kind = Kind {
    default,
    validate,
    columns: &[Column::NAME, Column::shown("Endpoints", endpoints, "Addresses and ports that are ready."), Column::AGE],
    create_on_update: true,
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    each(obj, "subsets", |subset| each(subset, "ports", |port| fill_zero(port, "protocol", "TCP")));
}

fn validate(obj: &Value, errs: &mut Errors) {
    for subset in At::root(obj).child("subsets").items() {
        let (ready, unready, ports) =
            (subset.child("addresses"), subset.child("notReadyAddresses"), subset.child("ports"));
        if ready.is_empty() && unready.is_empty() {
            errs.required_because(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in ready.items().chain(unready.items()) {
            validate_address(&address, errs);
        }
        for port in ports.items() {
            let name = port.child("name");
            if !name.is_empty() {
                name.check(names::is_dns1123_label, errs);
            } else if ports.len() > 1 {
                errs.required(&name);
            }
            network::port(&port.child("port"), errs);
            network::protocol(&port.child("protocol"), errs);
            port.child("appProtocol").check_set(names::is_qualified_name, errs);
        }
    }
}

fn validate_address(address: &At<'_>, errs: &mut Errors) {
    let ip = address.child("ip");
    ip.check(network::ip, errs);
    if network::ip(ip.text()).is_err() {
        errs.invalid_value(&ip, ip.text(), "must be a valid IP address");
    }
    network::no_special_ip(&ip, errs);
    address.child("hostname").check_given(names::is_dns1123_label, errs);
    address.child("nodeName").check_set(names::is_dns1123_subdomain, errs);
}

fn endpoints(obj: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(obj, "/subsets") {
        let ports = list(subset, "/ports");
        for address in list(subset, "/addresses") {
            if ports.is_empty() {
                all.push(text(address, "/ip").to_owned());
            }
            for port in ports {
                all.push(join_host_port(text(address, "/ip"), int(port, "/port").unwrap_or(0)));
            }
        }
    }
    shortened(&all, NONE)
}

fn join_host_port(host: &str, port: i64) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn subsets() {
        check(&ENDPOINTS, json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}), &[]);
        check(
            &ENDPOINTS,
            json!({"subsets": [{"ports": [{"port": 0}]}, {"addresses": [{"ip": "127.0.0.1"}]}]}),
            &[
                "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "subsets[1].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ],
        );
    }

    #[test]
    fn cells_show_three_endpoints() {
        let addresses: Vec<Value> = (1..=5).map(|i| json!({"ip": format!("10.0.0.{i}")})).collect();
        check_cells(
            &ENDPOINTS,
            &json!({"metadata": {"name": "a"}, "subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]}),
            &["a", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...", "<unknown>"],
        );
        check_cells(&ENDPOINTS, &json!({"metadata": {"name": "a"}}), &["a", "<none>", "<unknown>"]);
    }

    #[test]
    fn what_is_no_address_is_refused_twice() {
        let errors = Errors::of(|errs| validate_address(&At::root(&json!({"ip": "x"})), errs));
        let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
        assert_eq!(
            details,
            ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address"]
        );
    }
}
