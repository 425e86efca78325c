//! Which addresses and ports are taken, and the choice of free ones.

use std::{collections::HashSet, hash::Hash, net::IpAddr, ops::RangeInclusive, sync::Arc};

use corvette_api::meta;
use parking_lot::Mutex;
use rand::RngExt;
use serde_json::Value;

use super::Cidr;

/// Ports services are given on nodes.
pub type PortRange = RangeInclusive<u16>;

/// Why an address or port cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not in the range.
    OutOfRange,
    /// Another service has it.
    Taken,
    /// The range has no free one.
    Full,
}

/// What writes under way have taken.
#[derive(Default, Debug)]
pub struct InFlight {
    addresses: HashSet<IpAddr>,
    ports: HashSet<u16>,
}

/// Gives out addresses and ports.
pub struct Allocator {
    pub(super) addresses: Cidr,
    pub(super) ports: PortRange,
    /// Held while what is taken is read and a choice is made, across reads of the store.
    pub(super) choosing: tokio::sync::Mutex<()>,
    pub(super) in_flight: Arc<Mutex<InFlight>>,
}

impl Allocator {
    /// Makes an allocator of a range of addresses and one of ports.
    pub fn new(addresses: Cidr, ports: PortRange) -> Self {
        Self { addresses, ports, choosing: tokio::sync::Mutex::default(), in_flight: Arc::default() }
    }
}

/// One write's view: what others have, and what it takes.
pub struct Choice<'a> {
    allocator: &'a Allocator,
    used_addresses: HashSet<IpAddr>,
    used_ports: HashSet<u16>,
    taken: InFlight,
}

impl<'a> Choice<'a> {
    /// Reads what the other `services` have, and what is in flight.
    pub fn new(allocator: &'a Allocator, services: &[Value], own: &Value) -> Self {
        let in_flight = allocator.in_flight.lock();
        let mut choice = Self {
            allocator,
            used_addresses: in_flight.addresses.clone(),
            used_ports: in_flight.ports.clone(),
            taken: InFlight::default(),
        };
        drop(in_flight);
        let is_own =
            |other: &Value| meta::name(other) == meta::name(own) && meta::namespace(other) == meta::namespace(own);
        for service in services.iter().filter(|service| !is_own(service)) {
            choice.used_addresses.extend(addresses_of(service));
            choice.used_ports.extend(ports_of(service));
        }
        choice
    }

    /// Takes a given address.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take_address(&mut self, address: IpAddr) -> Result<(), Refused> {
        if !self.allocator.addresses.contains(address) {
            return Err(Refused::OutOfRange);
        }
        take(&self.used_addresses, &mut self.taken.addresses, address)
    }

    /// Takes any free address, of the upper part of the range first: the lower one is for addresses people choose.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn any_address(&mut self) -> Result<IpAddr, Refused> {
        let range = self.allocator.addresses;
        let size = range.usable();
        let reserved = reserved_band(size);
        let start = rand::rng().random_range(reserved..size.max(reserved + 1));
        let upper = (start..size).chain(reserved..start);
        let lower = 0..reserved.min(size);
        for address in upper.chain(lower).map(|index| range.nth(index)) {
            if take(&self.used_addresses, &mut self.taken.addresses, address).is_ok() {
                return Ok(address);
            }
        }
        Err(Refused::Full)
    }

    /// Takes a given port.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take_port(&mut self, port: u16) -> Result<(), Refused> {
        if !self.allocator.ports.contains(&port) {
            return Err(Refused::OutOfRange);
        }
        take(&self.used_ports, &mut self.taken.ports, port)
    }

    /// Takes any free port.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn any_port(&mut self) -> Result<u16, Refused> {
        let (first, last) = (*self.allocator.ports.start(), *self.allocator.ports.end());
        let start = rand::rng().random_range(first..=last);
        (start..=last)
            .chain(first..start)
            .find(|port| take(&self.used_ports, &mut self.taken.ports, *port).is_ok())
            .ok_or(Refused::Full)
    }

    /// Ends the choice: what was taken stays reserved until the guard is dropped.
    pub fn reserve(self) -> Guard {
        let mut in_flight = self.allocator.in_flight.lock();
        in_flight.addresses.extend(&self.taken.addresses);
        in_flight.ports.extend(&self.taken.ports);
        Guard { in_flight: Arc::clone(&self.allocator.in_flight), taken: self.taken }
    }
}

fn take<T: Hash + Eq>(used: &HashSet<T>, taken: &mut HashSet<T>, one: T) -> Result<(), Refused> {
    if used.contains(&one) || !taken.insert(one) { Err(Refused::Taken) } else { Ok(()) }
}

/// Size of the lower part that is given out last: a sixteenth, at least 16 and at most 256 (upstream's rule).
fn reserved_band(size: u32) -> u32 {
    if size <= 16 { 0 } else { (size / 16).clamp(16, 256) }
}

/// Keeps what a write took from others until the write is visible or has failed.
#[derive(Debug)]
pub struct Guard {
    in_flight: Arc<Mutex<InFlight>>,
    taken: InFlight,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.lock();
        for address in &self.taken.addresses {
            in_flight.addresses.remove(address);
        }
        for port in &self.taken.ports {
            in_flight.ports.remove(port);
        }
    }
}

/// Cluster addresses of a service.
pub fn addresses_of(service: &Value) -> impl Iterator<Item = IpAddr> {
    let list = service.pointer("/spec/clusterIPs").and_then(Value::as_array);
    let one = service.pointer("/spec/clusterIP");
    list.into_iter().flatten().chain(one).filter_map(|text| text.as_str()?.parse().ok())
}

/// Node ports of a service, that of its health check included.
pub fn ports_of(service: &Value) -> impl Iterator<Item = u16> {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let health = service.pointer("/spec/healthCheckNodePort");
    ports
        .into_iter()
        .flatten()
        .filter_map(|port| port.get("nodePort"))
        .chain(health)
        .filter_map(|port| u16::try_from(port.as_u64()?).ok())
        .filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allocator() -> Allocator {
        Allocator::new("10.0.0.0/29".parse().unwrap(), 30000..=30001)
    }

    #[test]
    fn what_others_have_is_not_given_out() {
        let allocator = allocator();
        let other = json!({"metadata": {"name": "a"}, "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"nodePort": 30000}]}});
        let own = json!({"metadata": {"name": "b"}});
        let mut choice = Choice::new(&allocator, std::slice::from_ref(&other), &own);
        assert_eq!(choice.take_address("10.0.0.1".parse().unwrap()), Err(Refused::Taken));
        assert_eq!(choice.take_address("10.1.0.1".parse().unwrap()), Err(Refused::OutOfRange));
        assert_eq!(choice.take_port(30000), Err(Refused::Taken));
        assert_eq!(choice.any_port(), Ok(30001));
        assert_eq!(choice.any_port(), Err(Refused::Full));
        let all: HashSet<_> = std::iter::from_fn(|| choice.any_address().ok()).collect();
        assert_eq!(all.len(), 5);
        let mut again = Choice::new(&allocator, std::slice::from_ref(&other), &other);
        assert_eq!(again.take_port(30000), Ok(()), "a service keeps what it has");
    }

    #[test]
    fn what_is_in_flight_is_taken_until_the_guard_goes() {
        let allocator = allocator();
        let own = json!({});
        let mut first = Choice::new(&allocator, &[], &own);
        assert_eq!(first.take_port(30000), Ok(()));
        let guard = first.reserve();
        assert_eq!(Choice::new(&allocator, &[], &own).take_port(30000), Err(Refused::Taken));
        drop(guard);
        assert_eq!(Choice::new(&allocator, &[], &own).take_port(30000), Ok(()));
    }
}
