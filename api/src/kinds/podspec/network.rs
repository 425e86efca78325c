//! Validation of ports, host networking, DNS and host aliases.

use std::collections::BTreeSet;

use super::spec::Of;
use crate::field::{At, Errors};
use crate::kinds::common::checks::Seen;
use crate::kinds::common::network;
use crate::names;

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;

/// Validates the ports of one container.
pub fn container_ports(ports: &At<'_>, errs: &mut Errors) {
    let mut seen = Seen::default();
    for port in ports.items() {
        let name = port.child("name");
        if !name.is_empty() {
            match names::is_port_name(name.text()) {
                Ok(()) => seen.unique(&name, errs),
                verdict => errs.invalid_each(&name, name.text(), verdict),
            }
        }
        let (container, host) = (port.child("containerPort"), port.child("hostPort"));
        match container.i64().unwrap_or(0) {
            0 => errs.required(&container),
            _ => network::port(&container, errs),
        }
        if host.i64().is_some_and(|n| n != 0) {
            network::port(&host, errs);
        }
        port.child("protocol").require_one_of(&["SCTP", "TCP", "UDP"], errs);
    }
}

/// Finds host ports that two ports of these containers claim.
pub fn host_port_conflicts<'a>(containers: impl Iterator<Item = At<'a>>, errs: &mut Errors) {
    let mut taken = BTreeSet::new();
    for port in containers.flat_map(|container| container.child("ports").items()) {
        let host = port.child("hostPort");
        if let Some(number) = host.i64().filter(|n| *n != 0) {
            let claim = format!("{}/{}/{number}", port.child("protocol").text(), port.child("hostIP").text());
            if !taken.insert(claim.clone()) {
                errs.duplicate_value(&host, claim);
            }
        }
    }
}

/// Validates host ports of a pod on the host's network: they are the container's.
pub fn host_ports(spec: &At<'_>, of: Of, errs: &mut Errors) {
    if !spec.child("hostNetwork").is_true() {
        return;
    }
    for list in ["containers", "initContainers"] {
        for port in spec.child(list).items().flat_map(|container| container.child("ports").items()) {
            let host = port.child("hostPort");
            let number = host.i64().unwrap_or(0);
            if number != port.child("containerPort").i64().unwrap_or(0) && (number != 0 || of == Of::Pod) {
                errs.invalid_value(&host, number, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

/// Validates `dnsConfig` together with `dnsPolicy`.
pub fn dns_config(spec: &At<'_>, errs: &mut Errors) {
    let (config, none) = (spec.child("dnsConfig"), spec.child("dnsPolicy").text() == "None");
    let (servers, searches) = (config.child("nameservers"), config.child("searches"));
    if none && !config.exists() {
        errs.required_because(&config, "must provide `dnsConfig` when `dnsPolicy` is None");
        return;
    }
    if none && servers.is_empty() {
        errs.required_because(&servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        return;
    }
    if servers.len() > MAX_NAMESERVERS {
        errs.invalid(&servers, format!("must not have more than {MAX_NAMESERVERS} nameservers"));
    }
    for server in servers.items() {
        server.check(network::ip, errs);
    }
    if searches.len() > MAX_SEARCHES {
        errs.invalid(&searches, format!("must not have more than {MAX_SEARCHES} search paths"));
    }
    let joined: Vec<&str> = searches.items().map(|s| s.text()).collect();
    if joined.join(" ").len() > MAX_SEARCH_CHARS {
        errs.invalid(
            &searches,
            format!("must not have more than {MAX_SEARCH_CHARS} characters (including spaces) in the search list"),
        );
    }
    for search in searches.items() {
        // A search list may end in a dot, hold underscores, or be the root.
        let domain = search.text().strip_suffix('.').unwrap_or(search.text()).replace('_', "a");
        if search.text() != "." && names::is_dns1123_subdomain(&domain).is_err() {
            errs.invalid_each(&search, search.text(), names::is_dns1123_subdomain(search.text()));
        }
    }
    for option in config.child("options").items() {
        if option.child("name").is_empty() {
            errs.required_because(&option, "must not be empty");
        }
    }
}

/// Validates `hostAliases`.
pub fn host_aliases(at: &At<'_>, errs: &mut Errors) {
    for alias in at.items() {
        alias.child("ip").check(network::ip, errs);
        for hostname in alias.child("hostnames").items() {
            hostname.check(names::is_dns1123_subdomain, errs);
        }
    }
}
