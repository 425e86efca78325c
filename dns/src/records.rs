//! The records of the zone. Pure.

use std::net::IpAddr;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record};

use crate::zone::Zone;

/// Seconds that a record may be kept: kubeadm's `ttl 30`.
const TTL: u32 = 30;
/// Seconds that the schema version may be kept (`CoreDNS` `kubernetes.go: Services`).
const VERSION_TTL: u32 = 28_800;
/// The version of the DNS specification that is followed.
const SCHEMA_VERSION: &str = "1.1.0";

/// The address record of `name`.
pub(crate) fn address(name: Name, address: IpAddr) -> Record {
    let data = match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    Record::from_rdata(name, TTL, data)
}

/// `name` is another name for `target`.
pub(crate) fn cname(name: Name, target: Name) -> Record {
    Record::from_rdata(name, TTL, RData::CNAME(CNAME(target)))
}

/// The reverse of an address record.
pub(crate) fn ptr(name: Name, target: Name) -> Record {
    Record::from_rdata(name, TTL, RData::PTR(PTR(target)))
}

/// One of `count` places of a service, all of the same weight.
pub(crate) fn srv(name: Name, count: usize, port: u16, target: Name) -> Record {
    let weight = u16::try_from(100 / count.max(1)).unwrap_or(100).max(1);
    Record::from_rdata(name, TTL, RData::SRV(SRV::new(0, weight, port, target)))
}

/// The version of the schema.
pub(crate) fn version(name: Name) -> Record {
    Record::from_rdata(name, VERSION_TTL, RData::TXT(TXT::new(vec![SCHEMA_VERSION.to_owned()])))
}

/// The start of authority, which is also what lets a client keep a negative answer.
pub(crate) fn soa(zone: &Zone) -> Record {
    let (mname, rname) = (server(zone), below(&["hostmaster"], zone.domain()));
    let data = SOA::new(mname, rname, zone.serial(), 7200, 1800, 86400, TTL);
    Record::from_rdata(zone.domain().clone(), TTL, RData::SOA(data))
}

/// The name server of the zone.
pub(crate) fn ns(zone: &Zone, name: Name) -> Record {
    Record::from_rdata(name, TTL, RData::NS(NS(server(zone))))
}

/// The name of this server.
pub(crate) fn server(zone: &Zone) -> Name {
    below(&["ns", "dns"], zone.domain())
}

/// Joins labels with `svc.<domain>`.
pub(crate) fn service_name(zone: &Zone, labels: &[&str]) -> Name {
    let mut labels = labels.to_vec();
    labels.push("svc");
    below(&labels, zone.domain())
}

/// Joins labels with the domain. Labels and names of objects are short enough by validation; a name that is too long anyway becomes the domain.
fn below(labels: &[&str], domain: &Name) -> Name {
    let labels = labels.iter().map(|label| label.as_bytes()).chain(domain.iter());
    Name::from_labels(labels).unwrap_or_else(|_| domain.clone())
}
