//! Ingresses.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::text::{Text, line};
use super::service::{endpoints, slices_of};
use crate::value::{at, int, list, shown, text, texts};

/// All backends of an ingress.
fn backends(ingress: &Value) -> impl Iterator<Item = &Value> {
    let paths = list(ingress, "/spec/rules").iter().flat_map(|rule| list(rule, "/http/paths"));
    paths.filter_map(|path| at(path, "/backend")).chain(at(ingress, "/spec/defaultBackend"))
}

/// Asks for the services of all backends, and their endpoint slices.
pub fn needs(ingress: &Value) -> Vec<Need> {
    let namespace = text(ingress, "/metadata/namespace");
    let mut needs = Vec::new();
    for name in backends(ingress).map(|backend| text(backend, "/service/name")).filter(|name| !name.is_empty()) {
        needs.push(Need::new(format!("service/{name}"), format!("/api/v1/namespaces/{namespace}/services/{name}")));
        needs.push(slices_of(&format!("slices/{name}"), namespace, name));
    }
    needs
}

/// Writes an ingress.
pub fn describe(out: &mut Text, ingress: &Value, related: &Related) {
    out.name(ingress);
    out.labels("Labels", ingress.pointer("/metadata/labels"));
    line!(out, 0, "Namespace:\t{}", text(ingress, "/metadata/namespace"));
    line!(out, 0, "Address:\t{}", addresses(ingress));
    let class = shown(ingress, "/spec/ingressClassName");
    line!(out, 0, "Ingress Class:\t{}", if class.is_empty() { "<none>" } else { &class });
    let default = at(ingress, "/spec/defaultBackend").map(|b| backend(b, related));
    let default = default.unwrap_or_else(|| "<default>".to_owned());
    line!(out, 0, "Default backend:\t{default}");
    for (i, tls) in list(ingress, "/spec/tls").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "TLS:");
        }
        let hosts = texts(tls, "/hosts").join(",");
        match text(tls, "/secretName") {
            "" => line!(out, 1, "SNI routes {hosts}"),
            secret => line!(out, 1, "{secret} terminates {hosts}"),
        }
    }
    rules(out, ingress, &default, related);
    out.annotations("Annotations", ingress.pointer("/metadata/annotations"));
}

fn rules(out: &mut Text, ingress: &Value, default: &str, related: &Related) {
    line!(out, 0, "Rules:");
    line!(out, 1, "Host\tPath\tBackends");
    line!(out, 1, "----\t----\t--------");
    let rules: Vec<&Value> = list(ingress, "/spec/rules").iter().filter(|rule| at(rule, "/http").is_some()).collect();
    if rules.is_empty() {
        line!(out, 1, "*\t*\t{default}");
    }
    for rule in rules {
        let host = text(rule, "/host");
        line!(out, 1, "{}\t", if host.is_empty() { "*" } else { host });
        for path in list(rule, "/http/paths") {
            let backend = at(path, "/backend").map(|b| backend(b, related)).unwrap_or_default();
            line!(out, 2, "\t{} \t{backend}", text(path, "/path"));
        }
    }
}

fn addresses(ingress: &Value) -> String {
    let mut found: Vec<&str> = list(ingress, "/status/loadBalancer/ingress")
        .iter()
        .map(|i| if text(i, "/ip").is_empty() { text(i, "/hostname") } else { text(i, "/ip") })
        .filter(|address| !address.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found.join(",")
}

fn backend(backend: &Value, related: &Related) -> String {
    if let Some(resource) = at(backend, "/resource") {
        let group = shown(resource, "/apiGroup");
        let group = if group.is_empty() { "<none>" } else { &group };
        return format!("APIGroup: {group}, Kind: {}, Name: {}", text(resource, "/kind"), text(resource, "/name"));
    }
    let Some(service) = at(backend, "/service") else { return String::new() };
    let (name, number) = (text(service, "/name"), int(service, "/port/number"));
    let port_name = text(service, "/port/name");
    let shown = if number == 0 { format!("{name}:{port_name}") } else { format!("{name}:{number}") };
    let found = related.items(&format!("slices/{name}")).and_then(|slices| {
        let service = related.get(&format!("service/{name}"))?;
        let wanted = |port: &&Value| match number {
            0 => !port_name.is_empty() && text(port, "/name") == port_name,
            number => int(port, "/port") == number,
        };
        let port = list(service, "/spec/ports").iter().rfind(wanted).map_or("", |port| text(port, "/name"));
        Ok(endpoints(slices, port))
    });
    match found {
        Ok(endpoints) => format!("{shown} ({endpoints})"),
        Err(error) => format!("{shown} (<error: {error}>)"),
    }
}
