//! What a name asks for. Pure.

use std::net::IpAddr;

use hickory_proto::rr::Name;

/// The meaning of a name, which is in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// A name outside the cluster.
    Elsewhere,
    /// A name in the reverse zones that stands for this address; `None` for a part of one.
    Reverse(Option<IpAddr>),
    /// The domain itself.
    Apex,
    /// A name that exists only because others are below it.
    Level,
    /// `dns-version`.
    Version,
    /// `ns.dns`, this server.
    Server,
    /// A namespace, below `svc` or `pod`.
    Namespace(&'a str),
    /// A service or something of it.
    Service { namespace: &'a str, service: &'a str, part: Part<'a> },
    /// A pod by its address with dashes.
    Pod { namespace: &'a str, address: &'a str },
    /// A name that cannot exist.
    Nothing,
}

/// Which part of a service is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// All of it.
    Whole,
    /// The endpoint of this name.
    Endpoint(&'a str),
    /// What has a port of this name and protocol.
    Port { name: &'a str, protocol: &'a str },
}

impl<'a> Subject<'a> {
    /// Reads `name`, in lower case, as upstream does (`CoreDNS` `plugin/kubernetes/parse.go: parseRequest`).
    pub(crate) fn of(name: &'a Name, domain: &Name) -> Self {
        if !domain.zone_of(name) {
            return reverse(name);
        }
        let mut labels: Vec<&str> = Vec::with_capacity(8);
        let own = name.iter().count().saturating_sub(domain.iter().count());
        for label in name.iter().take(own) {
            let Ok(label) = std::str::from_utf8(label) else { return Self::Nothing };
            labels.push(label);
        }
        match *labels {
            [] => Self::Apex,
            ["svc" | "pod" | "dns"] => Self::Level,
            ["dns-version"] => Self::Version,
            ["ns", "dns"] => Self::Server,
            [namespace, "svc" | "pod"] => Self::Namespace(namespace),
            [address, namespace, "pod"] => Self::Pod { namespace, address },
            [service, namespace, "svc"] => Self::Service { namespace, service, part: Part::Whole },
            [endpoint, service, namespace, "svc"] => {
                Self::Service { namespace, service, part: Part::Endpoint(endpoint) }
            }
            [port, protocol, service, namespace, "svc"] => {
                let part = Part::Port { name: plain(port), protocol: plain(protocol) };
                Self::Service { namespace, service, part }
            }
            _ => Self::Nothing,
        }
    }
}

fn plain(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

fn reverse<'a>(name: &Name) -> Subject<'a> {
    let mut labels = name.iter().rev();
    match (labels.next(), labels.next()) {
        (Some(b"arpa"), Some(b"in-addr" | b"ip6")) => {
            let network = name.parse_arpa_name().ok();
            let whole = network.filter(|network| network.prefix_len() == network.max_prefix_len());
            Subject::Reverse(whole.map(|network| network.addr()))
        }
        _ => Subject::Elsewhere,
    }
}

/// The address that a pod's label stands for: four numbers with dashes between them, else IPv6 with dashes for colons.
pub(crate) fn pod_address(label: &str) -> Option<IpAddr> {
    if label.matches('-').count() == 3 && !label.contains("--") {
        return label.replace('-', ".").parse().ok();
    }
    label.replace('-', ":").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &Subject<'_>) {
        let name = Name::from_ascii(name).unwrap();
        let domain = Name::from_ascii("cluster.local.").unwrap();
        assert_eq!(&Subject::of(&name, &domain), expected, "{name}");
    }

    #[test]
    fn names_are_read_by_their_labels() {
        check("cluster.local.", &Subject::Apex);
        check("svc.cluster.local.", &Subject::Level);
        check("dns-version.cluster.local.", &Subject::Version);
        check("n.pod.cluster.local.", &Subject::Namespace("n"));
        let part = Part::Port { name: "http", protocol: "tcp" };
        check("_http._tcp.s.n.svc.cluster.local.", &Subject::Service { namespace: "n", service: "s", part });
        check("a.b.c.d.e.n.svc.cluster.local.", &Subject::Nothing);
        check("e.a.n.pod.cluster.local.", &Subject::Nothing);
        check("foo.cluster.local.", &Subject::Nothing);
        for outside in [".", "local.", "mycluster.local.", "example.com.", "cluster.local.example.com.", "arpa."] {
            check(outside, &Subject::Elsewhere);
        }
    }

    #[test]
    fn reverse_names_stand_for_whole_addresses_only() {
        check("1.0.3.10.in-addr.arpa.", &Subject::Reverse("10.3.0.1".parse().ok()));
        let address: std::net::Ipv6Addr = "fd00:10::1".parse().unwrap();
        let digits = format!("{:032x}", address.to_bits());
        let nibbles: String = digits.chars().rev().map(|digit| format!("{digit}.")).collect();
        check(&format!("{nibbles}ip6.arpa."), &Subject::Reverse(Some(address.into())));
        check(&format!("0.{nibbles}ip6.arpa."), &Subject::Reverse(None));
        for part in
            ["3.10.in-addr.arpa.", "x.0.3.10.in-addr.arpa.", "256.0.3.10.in-addr.arpa.", "f.ip6.arpa.", "in-addr.arpa."]
        {
            check(part, &Subject::Reverse(None));
        }
    }

    #[test]
    fn pods_are_addresses_with_dashes() {
        for (label, expected) in [
            ("10-1-2-3", Some("10.1.2.3")),
            ("fd00--1-2", Some("fd00::1:2")),
            ("5678-abcd--2", Some("5678:abcd::2")),
            ("10-1-2", None),
            ("10-1-2-256", None),
            ("web-0", None),
            ("", None),
        ] {
            assert_eq!(pod_address(label), expected.map(|address| address.parse().unwrap()), "{label}");
        }
    }
}
