//! What a question about the cluster is answered. Pure.

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::op::Query;
use hickory_proto::rr::{Name, Record, RecordType};

use crate::model::{Kind, Port, Service, Slice};
use crate::question::{Part, Subject, pod_address};
use crate::records;
use crate::zone::Zone;

/// How many external names may lead to each other (`CoreDNS` `plugin/backend_lookup.go: A`).
const MAX_CHAIN: usize = 8;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The name is not the cluster's: other servers know.
    Elsewhere,
    /// The cluster is not known yet: nobody can say what is missing.
    NotYet,
    /// There are such records.
    Found {
        /// The records.
        answers: Vec<Record>,
        /// Addresses of names in them.
        additionals: Vec<Record>,
    },
    /// The name is another name for one outside of the cluster, which has to be looked up.
    Leads {
        /// What leads there.
        answers: Vec<Record>,
        /// The name outside.
        target: Name,
    },
    /// The name exists and has no such record: the start of authority.
    NoData(Record),
    /// The name does not exist: the start of authority.
    NoName(Record),
}

/// What is known of a name: `None` when it does not exist.
type Known = Option<Vec<Record>>;

/// Answers `query` from `zone`. Several addresses begin with the one at `turn`, so that clients spread when turns differ.
#[must_use]
pub fn answer(zone: &Zone, query: &Query, turn: usize) -> Answer {
    let name = query.name.to_lowercase();
    let subject = Subject::of(&name, zone.domain());
    if subject == Subject::Elsewhere {
        return Answer::Elsewhere;
    }
    if !zone.is_synced() {
        return Answer::NotYet;
    }
    let known = match subject {
        Subject::Elsewhere | Subject::Reverse(None) => return Answer::Elsewhere,
        Subject::Reverse(Some(address)) => return reverse(zone, query, address),
        Subject::Service { namespace, service, part } => {
            return of_service(zone, query, (namespace, service, part), turn);
        }
        Subject::Apex if query.query_type == RecordType::NS => return name_servers(zone, query),
        Subject::Apex if query.query_type == RecordType::SOA => Some(vec![records::soa(zone)]),
        Subject::Version if query.query_type == RecordType::TXT => Some(vec![records::version(query.name.clone())]),
        Subject::Apex | Subject::Level | Subject::Version => Some(Vec::new()),
        Subject::Server => Some(addresses(query, zone.server_addresses().to_vec(), turn)),
        Subject::Namespace(namespace) => zone.has_namespace(namespace).then(Vec::new),
        Subject::Pod { namespace, address } => {
            let address = pod_address(address).filter(|_| zone.has_namespace(namespace));
            address.map(|address| addresses(query, vec![address], turn))
        }
        Subject::Nothing => None,
    };
    settle(zone, known, Vec::new())
}

/// The answer from what is known of the name.
fn settle(zone: &Zone, known: Known, additionals: Vec<Record>) -> Answer {
    match known {
        None => Answer::NoName(records::soa(zone)),
        Some(answers) if answers.is_empty() => Answer::NoData(records::soa(zone)),
        Some(answers) => Answer::Found { answers, additionals },
    }
}

/// The records of those `addresses` that have the type asked for.
fn addresses(query: &Query, mut addresses: Vec<IpAddr>, turn: usize) -> Vec<Record> {
    addresses.retain(|address| is_of(*address, query.query_type));
    addresses.sort_unstable();
    addresses.dedup();
    let first = turn.checked_rem(addresses.len()).unwrap_or(0);
    addresses.rotate_left(first);
    addresses.into_iter().map(|address| records::address(query.name.clone(), address)).collect()
}

fn is_of(address: IpAddr, kind: RecordType) -> bool {
    matches!((address, kind), (IpAddr::V4(_), RecordType::A) | (IpAddr::V6(_), RecordType::AAAA))
}

fn name_servers(zone: &Zone, query: &Query) -> Answer {
    let known = zone.server_addresses().iter().map(|address| records::address(records::server(zone), *address));
    settle(zone, Some(vec![records::ns(zone, query.name.clone())]), known.collect())
}

fn reverse(zone: &Zone, query: &Query, address: IpAddr) -> Answer {
    if query.query_type != RecordType::PTR {
        return Answer::Elsewhere;
    }
    let owners = zone.owners_of(address).into_iter();
    let pointers = owners.map(|labels| records::ptr(query.name.clone(), records::service_name(zone, &labels)));
    match pointers.collect::<Vec<_>>() {
        answers if answers.is_empty() => Answer::Elsewhere,
        answers => Answer::Found { answers, additionals: Vec::new() },
    }
}

/// A name below a service: namespace, service and the part of it that is meant.
type Below<'a> = (&'a str, &'a str, Part<'a>);

fn of_service(zone: &Zone, query: &Query, below: Below<'_>, turn: usize) -> Answer {
    let Some(service) = zone.service(below.0, below.1) else { return settle(zone, None, Vec::new()) };
    if let Kind::External(target) = &service.kind {
        return external(zone, query, below.2, target, turn);
    }
    let Some(places) = places(zone, service, below) else { return settle(zone, None, Vec::new()) };
    match query.query_type {
        RecordType::A | RecordType::AAAA => {
            let found = places.iter().map(|place| place.address).collect();
            settle(zone, Some(addresses(query, found, turn)), Vec::new())
        }
        RecordType::SRV => {
            let (answers, additionals) = locations(zone, query, below, &places);
            settle(zone, Some(answers), additionals)
        }
        _ => settle(zone, Some(Vec::new()), Vec::new()),
    }
}

/// Follows an external name while it leads to names of the cluster; a chain that leads nowhere is no data.
fn external(zone: &Zone, query: &Query, part: Part<'_>, target: &Name, turn: usize) -> Answer {
    if part != Part::Whole {
        return settle(zone, None, Vec::new());
    }
    let mut answers = vec![records::cname(query.name.clone(), target.clone())];
    match query.query_type {
        RecordType::CNAME => return settle(zone, Some(answers), Vec::new()),
        RecordType::A | RecordType::AAAA => {}
        _ => return settle(zone, Some(Vec::new()), Vec::new()),
    }
    let mut target = target.clone();
    while answers.len() < MAX_CHAIN {
        if !zone.domain().zone_of(&target) {
            return Answer::Leads { answers, target };
        }
        let lower = target.to_lowercase();
        match Subject::of(&lower, zone.domain()) {
            Subject::Service { namespace, service, part: Part::Whole }
                if let Some(Service { kind: Kind::External(next), .. }) = zone.service(namespace, service) =>
            {
                answers.push(records::cname(target, next.clone()));
                target = next.clone();
            }
            _ => {
                let next = Query::query(target, query.query_type);
                let Answer::Found { answers: found, .. } = answer(zone, &next, turn) else { break };
                answers.extend(found);
                return settle(zone, Some(answers), Vec::new());
            }
        }
    }
    settle(zone, Some(Vec::new()), Vec::new())
}

/// A place where a service is found.
struct Place<'a> {
    address: IpAddr,
    /// The endpoint's label; none for the service's own address.
    endpoint: Option<&'a str>,
    ports: &'a [Port],
}

/// The places that a name means; `None` when it does not exist (`CoreDNS` `kubernetes.go: findServices`).
fn places<'a>(zone: &'a Zone, service: &'a Service, below: Below<'_>) -> Option<Vec<Place<'a>>> {
    let (namespace, name, part) = below;
    match (&service.kind, part) {
        (Kind::Addressed(addresses), Part::Whole | Part::Port { .. }) => {
            let places =
                addresses.iter().map(|address| Place { address: *address, endpoint: None, ports: &service.ports });
            has_port(&service.ports, part).then(|| places.collect())
        }
        _ => {
            let slices = zone.slices(namespace, name).filter(|slice| has_port(&slice.ports, part));
            let places: Vec<_> = slices.flat_map(|slice| published(slice, service, part)).collect();
            (!places.is_empty()).then_some(places)
        }
    }
}

/// The endpoints of a slice that are shown and meant.
fn published<'a>(slice: &'a Slice, service: &'a Service, part: Part<'_>) -> impl Iterator<Item = Place<'a>> {
    let meant = slice.endpoints.iter().filter(move |endpoint| match part {
        Part::Endpoint(name) => endpoint.name == name,
        Part::Whole | Part::Port { .. } => true,
    });
    let shown = meant.filter(|endpoint| endpoint.ready || service.publish_not_ready);
    shown.map(|e| Place { address: e.address, endpoint: Some(&e.name), ports: &slice.ports })
}

fn has_port(ports: &[Port], part: Part<'_>) -> bool {
    match part {
        Part::Whole | Part::Endpoint(_) => true,
        Part::Port { .. } => ports.iter().any(|port| is_meant(port, part)),
    }
}

fn is_meant(port: &Port, part: Part<'_>) -> bool {
    match part {
        Part::Whole | Part::Endpoint(_) => true,
        Part::Port { name, protocol } => port.name == name && port.protocol == protocol,
    }
}

/// The SRV records of `places`, each once, with the addresses of their targets.
fn locations(zone: &Zone, query: &Query, below: Below<'_>, places: &[Place<'_>]) -> (Vec<Record>, Vec<Record>) {
    let (namespace, name, part) = below;
    let (mut seen, mut seen_addresses) = (HashSet::new(), HashSet::new());
    let (mut targets, mut additionals) = (Vec::new(), Vec::new());
    for place in places {
        let labels = place.endpoint.into_iter().chain([name, namespace]).collect::<Vec<_>>();
        let target = records::service_name(zone, &labels);
        let mut located = false;
        for port in place.ports.iter().filter(|port| is_meant(port, part)) {
            located = true;
            if seen.insert((place.endpoint, port.number)) {
                targets.push((port.number, target.clone()));
            }
        }
        if located && seen_addresses.insert((place.endpoint, place.address)) {
            additionals.push(records::address(target, place.address));
        }
    }
    let count = targets.len();
    let answers = targets.into_iter().map(|(port, target)| records::srv(query.name.clone(), count, port, target));
    (answers.collect(), additionals)
}
