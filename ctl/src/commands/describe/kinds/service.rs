//! Services.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::text::{Text, line, or_none, set};
use crate::request::with_query;
use crate::value::{at, int, list, shown, text, texts};

/// Endpoints that are listed; of more only the number is told.
const LISTED: usize = 3;

/// Asks for the endpoint slices of a service, to be found by `key`.
pub fn slices_of(key: &str, namespace: &str, service: &str) -> Need {
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
    Need::new(key, with_query(&path, &[("labelSelector", &format!("kubernetes.io/service-name={service}"))]))
}

/// Asks for the service's endpoint slices.
pub fn needs(service: &Value) -> Vec<Need> {
    vec![slices_of("slices", text(service, "/metadata/namespace"), text(service, "/metadata/name"))]
}

/// Writes a service.
pub fn describe(out: &mut Text, service: &Value, related: &Related) {
    out.name_and_namespace(service);
    out.labels_and_annotations(service);
    line!(out, 0, "Selector:\t{}", set(service, "/spec/selector"));
    line!(out, 0, "Type:\t{}", text(service, "/spec/type"));
    optional(out, "IP Family Policy", text(service, "/spec/ipFamilyPolicy"));
    line!(out, 0, "IP Families:\t{}", or_none(texts(service, "/spec/ipFamilies").join(",")));
    line!(out, 0, "IP:\t{}", text(service, "/spec/clusterIP"));
    line!(out, 0, "IPs:\t{}", or_none(texts(service, "/spec/clusterIPs").join(",")));
    optional(out, "External IPs", &texts(service, "/spec/externalIPs").join(","));
    optional(out, "Desired LoadBalancer IP", text(service, "/spec/loadBalancerIP"));
    optional(out, "External Name", text(service, "/spec/externalName"));
    let ingress: Vec<String> = list(service, "/status/loadBalancer/ingress").iter().map(ingress).collect();
    optional(out, "LoadBalancer Ingress", &ingress.join(", "));
    for port in list(service, "/spec/ports") {
        ports(out, port, related);
    }
    line!(out, 0, "Session Affinity:\t{}", text(service, "/spec/sessionAffinity"));
    for (label, pointer) in [
        ("External Traffic Policy", "/spec/externalTrafficPolicy"),
        ("Internal Traffic Policy", "/spec/internalTrafficPolicy"),
        ("HealthCheck NodePort", "/spec/healthCheckNodePort"),
    ] {
        optional(out, label, &shown(service, pointer));
    }
    optional(out, "LoadBalancer Source Ranges", &texts(service, "/spec/loadBalancerSourceRanges").join(","));
    optional(out, "Traffic Distribution", text(service, "/spec/trafficDistribution"));
}

fn optional(out: &mut Text, label: &str, value: &str) {
    if !value.is_empty() && value != "0" {
        line!(out, 0, "{label}:\t{value}");
    }
}

fn ingress(ingress: &Value) -> String {
    match (text(ingress, "/ip"), at(ingress, "/ipMode")) {
        ("", _) => text(ingress, "/hostname").to_owned(),
        (address, None) => address.to_owned(),
        (address, Some(_)) => format!("{address} ({})", text(ingress, "/ipMode")),
    }
}

fn ports(out: &mut Text, port: &Value, related: &Related) {
    let name = text(port, "/name");
    let shown_name = if name.is_empty() { "<unset>" } else { name };
    let protocol = text(port, "/protocol");
    line!(out, 0, "Port:\t{shown_name}\t{}/{protocol}", int(port, "/port"));
    line!(out, 0, "TargetPort:\t{}/{protocol}", shown(port, "/targetPort"));
    if int(port, "/nodePort") != 0 {
        line!(out, 0, "NodePort:\t{shown_name}\t{}/{protocol}", int(port, "/nodePort"));
    }
    line!(out, 0, "Endpoints:\t{}", endpoints(related.items("slices").unwrap_or_default(), name));
}

/// The ready endpoints of a port: the first few, and how many more there are.
pub fn endpoints(slices: &[Value], port: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut found = Vec::new();
    for slice in slices {
        let addresses: Vec<&str> = list(slice, "/endpoints")
            .iter()
            .filter(|e| e.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false))
            .filter_map(|e| e.pointer("/addresses/0").and_then(Value::as_str))
            .collect();
        let ports = list(slice, "/ports");
        if ports.is_empty() {
            found.extend(addresses.iter().map(|a| (*a).to_owned()));
        }
        for number in ports.iter().filter(|p| text(p, "/name") == port).map(|p| int(p, "/port")) {
            found.extend(addresses.iter().map(|a| match a.contains(':') {
                true => format!("[{a}]:{number}"),
                false => format!("{a}:{number}"),
            }));
        }
    }
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    match more {
        0 => found.join(","),
        more => format!("{} + {more} more...", found.join(",")),
    }
}
