//! Validation of Services (`pkg/apis/core/validation: ValidateService @ v1.36`).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::service::{is_headless, needs_cluster_ip, needs_external_policy, needs_health_check_port};
use crate::field::{At, Errors, Path};
use crate::kinds::common::metadata::{immutable, labels};
use crate::kinds::common::network;
use crate::kinds::common::values::{list, text};
use crate::names;

const MAX_AFFINITY_SECONDS: i64 = 86400;
const KUBELET_PORT: i64 = 10250;

/// Finds everything wrong with a service.
pub fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let Some(value) = spec.value else {
        errs.required(&spec);
        return;
    };
    let kind = text(value, "/type");
    if spec.child("ports").is_empty() && !is_headless(value) && kind != "ExternalName" {
        errs.required(&spec.child("ports"));
    }
    of_type(&spec, value, kind, errs);
    ports(&spec, kind, errs);
    labels(&spec.child("selector"), errs);
    affinity(&spec, errs);
    addresses(&spec, kind, errs);
    for external in spec.child("externalIPs").items() {
        external.check(network::ip, errs);
        network::no_special_ip(&external, errs);
    }
    spec.child("type").require_one_of(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], errs);
    duplicates(&spec, errs);
    load_balancer(&spec, kind, errs);
    traffic(&spec, value, errs);
}

/// Finds everything wrong with an update of a service.
pub fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    let spec = At::root(new).child("spec");
    let none = Value::Null;
    let (spec_new, spec_old) = (new.get("spec").unwrap_or(&none), old.get("spec").unwrap_or(&none));
    if needs_cluster_ip(spec_new) && needs_cluster_ip(spec_old) {
        let stored = list(spec_old, "/clusterIPs");
        let now = spec.child("clusterIPs");
        if let Some(first) = stored.first() {
            match now.array().first() {
                Some(kept) if kept == first => {}
                Some(_) => errs.invalid_value(&now.path.index(0), now.value.cloned(), "may not change once set"),
                None => {
                    errs.invalid_value(&now.path.index(0), now.value.cloned(), "primary clusterIP can not be unset")
                }
            }
        }
    }
    if text(spec_new, "/type") == "LoadBalancer" && text(spec_old, "/type") == "LoadBalancer" {
        immutable(&spec.child("loadBalancerClass"), spec_old.get("loadBalancerClass"), errs);
    }
    validate(new, errs);
}

/// Finds everything wrong with the status of a service.
pub fn validate_status(obj: &Value, errs: &mut Errors) {
    let balancer = At::root(obj).child("status").child("loadBalancer");
    if text(obj, "/spec/type") != "LoadBalancer" && !balancer.child("ingress").is_empty() {
        errs.forbidden(&balancer.child("ingress"), "may only be used when `spec.type` is \"LoadBalancer\"");
        return;
    }
    load_balancer_status(&balancer, errs);
}

/// Checks the addresses and host names that a load balancer reports.
pub fn load_balancer_status(balancer: &At<'_>, errs: &mut Errors) {
    for ingress in balancer.child("ingress").items() {
        let (ip, host) = (ingress.child("ip"), ingress.child("hostname"));
        ip.check_given(network::ip, errs);
        if !host.is_empty() {
            host.check(names::is_dns1123_subdomain, errs);
            if host.text().parse::<std::net::IpAddr>().is_ok() {
                errs.invalid(&host, "must be a DNS name, not an IP address");
            }
        }
        ingress.child("ipMode").one_of(&["Proxy", "VIP"], errs);
    }
}

fn of_type(spec: &At<'_>, value: &Value, kind: &str, errs: &mut Errors) {
    let ips = spec.child("clusterIPs");
    match kind {
        "LoadBalancer" | "NodePort" => {
            if kind == "LoadBalancer" {
                for port in spec.child("ports").items().filter(|p| p.child("port").i64() == Some(KUBELET_PORT)) {
                    errs.invalid_value(
                        &port,
                        KUBELET_PORT,
                        format!("may not expose port {KUBELET_PORT} externally since it is used by kubelet"),
                    );
                }
            }
            if is_headless(value) {
                errs.invalid_value(&ips.path.index(0), "None", format!("may not be set to 'None' for {kind} services"));
            }
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if !spec.child(field).is_empty() {
                    errs.forbidden(&spec.child(field), "may not be set for ExternalName services");
                }
            }
            let name = spec.child("externalName");
            let target = name.text().strip_suffix('.').unwrap_or(name.text());
            if target.is_empty() {
                errs.required(&name);
            } else {
                errs.invalid_each(&name, target, names::is_dns1123_subdomain(target));
            }
        }
        _ => {}
    }
}

fn ports(spec: &At<'_>, kind: &str, errs: &mut Errors) {
    let all = spec.child("ports");
    let mut seen = HashSet::new();
    for port in all.items() {
        let name = port.child("name");
        if !name.is_empty() {
            name.check(names::is_dns1123_label, errs);
            if !seen.insert(name.text()) {
                errs.duplicate(&name);
            }
        } else if all.len() > 1 {
            errs.required(&name);
        }
        network::port(&port.child("port"), errs);
        network::protocol(&port.child("protocol"), errs);
        network::port_or_name(&port.child("targetPort"), errs);
        port.child("appProtocol").check_set(names::is_qualified_name, errs);
    }
    if kind == "ClusterIP" {
        for port in all.items().filter(|p| p.child("nodePort").i64().is_some_and(|n| n != 0)) {
            errs.forbidden(&port.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
}

fn duplicates(spec: &At<'_>, errs: &mut Errors) {
    let mut node_ports = HashSet::new();
    for port in spec.child("ports").items() {
        let node_port = port.child("nodePort");
        if let Some(number) = node_port.i64().filter(|n| *n != 0)
            && !node_ports.insert((port.child("protocol").text(), number))
        {
            errs.duplicate(&node_port);
        }
    }
    let mut numbers = HashSet::new();
    for port in spec.child("ports").items() {
        let key = (port.child("protocol").text(), port.child("port").i64());
        if !numbers.insert(key) {
            let shown = json!({"AppProtocol": null, "Name": "", "NodePort": 0, "Port": key.1, "Protocol": key.0, "TargetPort": 0});
            errs.duplicate_value(&port, shown);
        }
    }
}

fn affinity(spec: &At<'_>, errs: &mut Errors) {
    let (affinity, config) = (spec.child("sessionAffinity"), spec.child("sessionAffinityConfig"));
    affinity.require_one_of(&["ClientIP", "None"], errs);
    match affinity.text() {
        "ClientIP" => {
            let seconds = config.child("clientIP").child("timeoutSeconds");
            match seconds.i64() {
                None => errs.required_because(&config, "when session affinity type is ClientIP"),
                Some(1..=MAX_AFFINITY_SECONDS) => {}
                Some(_) => {
                    errs.invalid(&seconds, format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"))
                }
            }
        }
        "None" if config.exists() => errs.forbidden(&config, "must not be set when session affinity is None"),
        _ => {}
    }
}

fn addresses(spec: &At<'_>, kind: &str, errs: &mut Errors) {
    if kind == "ExternalName" {
        return;
    }
    let families = spec.child("ipFamilies");
    let mut seen = HashSet::new();
    for item in families.items() {
        item.one_of(&["IPv4", "IPv6"], errs);
        if !seen.insert(item.text()) {
            errs.duplicate(&item);
        }
    }
    spec.child("ipFamilyPolicy").one_of(&["PreferDualStack", "RequireDualStack", "SingleStack"], errs);
    let (ip, ips) = (spec.child("clusterIP"), spec.child("clusterIPs"));
    if ips.len() > 2 {
        errs.invalid(&ips, "may only hold up to 2 values");
    }
    if ips.array().first().and_then(Value::as_str).is_some_and(|first| first != ip.text()) {
        errs.invalid(&ips, "first value must match `clusterIP`");
    }
    let headless = ips.array().iter().any(|v| v == "None");
    if headless && ips.len() > 1 {
        errs.invalid(&ips, "'None' must be the first and only value");
    }
    if ips.is_empty() && !["", "None"].contains(&ip.text()) {
        ip.check(network::ip, errs);
    }
    for (index, item) in ips.items().enumerate().filter(|(_, i)| i.text() != "None") {
        item.check(network::ip, errs);
        let expected = families.index(index);
        if network::family(item.text()).is_some_and(|f| expected.str().is_some_and(|e| e != f)) {
            errs.invalid(&item, format!("expected an {} value as indicated by `ipFamilies[{index}]`", expected.text()));
        }
    }
    if ips.len() == 2 && ips.items().map(|i| network::family(i.text())).collect::<HashSet<_>>().len() == 1 {
        errs.invalid(&ips, "may specify no more than one IP for each IP family");
    }
}

fn load_balancer(spec: &At<'_>, kind: &str, errs: &mut Errors) {
    const ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
    let balancer = kind == "LoadBalancer";
    let ranges = spec.child("loadBalancerSourceRanges");
    // Upstream names the field with a capital letter.
    let path = spec.path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && !balancer {
        errs.forbidden(&path, ONLY);
    }
    for (index, range) in ranges.items().enumerate() {
        let text = range.text().trim();
        errs.invalid_each(&path.index(index), range.text(), network::cidr(text));
    }
    let allocate = spec.child("allocateLoadBalancerNodePorts");
    match (balancer, allocate.exists()) {
        (true, false) => errs.required(&allocate),
        (false, true) => errs.forbidden(&allocate, ONLY),
        _ => {}
    }
    let class = spec.child("loadBalancerClass");
    if class.exists() {
        if balancer {
            class.check(names::is_qualified_name, errs);
        } else {
            errs.forbidden(&class, ONLY);
        }
    }
}

fn traffic(spec: &At<'_>, value: &Value, errs: &mut Errors) {
    let external = spec.child("externalTrafficPolicy");
    if !needs_external_policy(value) {
        if !external.is_empty() {
            errs.invalid(&external, "may only be set for externally-accessible services");
        }
    } else if external.require(errs) {
        external.one_of(&["Cluster", "Local"], errs);
    }
    let health = spec.child("healthCheckNodePort");
    let number = health.i64().unwrap_or(0);
    if number != 0 {
        if needs_health_check_port(value) {
            network::port(&health, errs);
        } else {
            errs.invalid(
                &health,
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            );
        }
    }
    let internal = spec.child("internalTrafficPolicy");
    if needs_cluster_ip(value) {
        internal.require(errs);
    }
    internal.one_of(&["Cluster", "Local"], errs);
    spec.child("trafficDistribution").one_of(&["PreferClose", "PreferSameNode", "PreferSameZone"], errs);
}

/// Returns the path of a port's node port, for errors of the allocator.
#[must_use]
pub fn node_port_path(index: usize) -> Path {
    Path::new("spec").child("ports").index(index).child("nodePort")
}

#[cfg(test)]
mod tests {
    use super::super::service::SERVICE;
    use super::*;
    use crate::kinds::checking::{check, check_update};

    #[test]
    fn ports_of_a_service() {
        check(&SERVICE, json!({"spec": {"ports": [{"port": 80}]}}), &[]);
        check(&SERVICE, json!({"spec": {}}), &["spec.ports: Required value"]);
        check(&SERVICE, json!({"spec": {"clusterIP": "None"}}), &[]);
        check(
            &SERVICE,
            json!({"spec": {"ports": [{"port": 80}, {"port": 80}]}}),
            &[
                "spec.ports[0].name: Required value",
                "spec.ports[1].name: Required value",
                "spec.ports[1]: Duplicate value: {\"AppProtocol\":null,\"Name\":\"\",\"NodePort\":0,\"Port\":80,\"Protocol\":\"TCP\",\"TargetPort\":0}",
            ],
        );
        check(
            &SERVICE,
            json!({"spec": {"ports": [{"port": 70000, "protocol": "X", "targetPort": "a", "nodePort": 30000}]}}),
            &[
                "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "spec.ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            ],
        );
    }

    #[test]
    fn types_of_a_service() {
        check(&SERVICE, json!({"spec": {"type": "ExternalName", "externalName": "a.example."}}), &[]);
        check(&SERVICE, json!({"spec": {"type": "ExternalName"}}), &["spec.externalName: Required value"]);
        check(
            &SERVICE,
            json!({"spec": {"type": "Foo", "ports": [{"port": 1}]}}),
            &[
                "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            ],
        );
        check(
            &SERVICE,
            json!({"spec": {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}, "ports": [{"port": 1}]}}),
            &[
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
            ],
        );
    }

    #[test]
    fn the_address_stays() {
        let spec = |ip: &str| json!({"spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 1}]}});
        check_update(&SERVICE, spec("10.0.0.1"), spec("10.0.0.1"), &[]);
        check_update(
            &SERVICE,
            spec("10.0.0.1"),
            spec("10.0.0.2"),
            &["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"],
        );
    }
}
