//! The picture of the cluster that answers are read from: one object changes, nothing else is touched. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use corvette_client::NamespacedName;
use hickory_proto::ProtoError;
use hickory_proto::rr::Name;

use crate::model::{Endpoint, Kind, Service, Slice};

/// Objects by namespace and name, found without making a key.
type ByName<T> = HashMap<String, HashMap<String, T>>;

/// The names of the cluster. Everything is looked up by key or by address.
#[derive(Debug)]
pub struct Zone {
    domain: Name,
    synced: bool,
    serial: u32,
    address: Option<IpAddr>,
    namespaces: HashSet<String>,
    services: ByName<Service>,
    /// The slices of a service by their names.
    slices: ByName<BTreeMap<String, Slice>>,
    /// The service that a slice was stored under.
    owners: HashMap<NamespacedName, String>,
    cluster_addresses: HashMap<IpAddr, BTreeSet<NamespacedName>>,
    endpoint_addresses: HashMap<IpAddr, BTreeSet<Behind>>,
}

/// Where an endpoint's address was seen.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Behind {
    service: NamespacedName,
    endpoint: String,
    slice: String,
    ready: bool,
}

/// What an address stands for, as labels below `svc.<domain>`, the lowest first.
pub(crate) type Owner<'a> = Vec<&'a str>;

impl Zone {
    /// Makes the empty zone `domain`, served at `address`. It answers once [`Self::set_synced`] was called.
    ///
    /// # Errors
    /// When `domain` is not a domain name.
    pub fn new(domain: &str, address: Option<IpAddr>) -> Result<Self, ProtoError> {
        let mut domain = Name::from_ascii(domain)?.to_lowercase();
        domain.set_fqdn(true);
        if domain.is_root() {
            return Err(ProtoError::from("the cluster's domain is the root"));
        }
        Ok(Self {
            domain,
            synced: false,
            serial: 0,
            address,
            namespaces: HashSet::new(),
            services: HashMap::new(),
            slices: HashMap::new(),
            owners: HashMap::new(),
            cluster_addresses: HashMap::new(),
            endpoint_addresses: HashMap::new(),
        })
    }

    /// Returns the domain, in lower case.
    #[must_use]
    pub fn domain(&self) -> &Name {
        &self.domain
    }

    /// Says whether everything there is has been told once.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Notes that everything there is has been told: from now on what is missing does not exist.
    pub fn set_synced(&mut self) {
        self.synced = true;
    }

    /// Returns the serial number of the start of authority.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Sets the serial number; upstream's is the time of the last change in seconds since 1970.
    pub fn set_serial(&mut self, serial: u32) {
        self.serial = serial;
    }

    /// Notes that a namespace exists. Says whether that is new.
    pub fn apply_namespace(&mut self, name: &str) -> bool {
        self.namespaces.insert(name.to_owned())
    }

    /// Forgets a namespace. Says whether it was known.
    pub fn delete_namespace(&mut self, name: &str) -> bool {
        self.namespaces.remove(name)
    }

    /// Stores a service in place of its last version. Says whether anything changed.
    pub fn apply_service(&mut self, key: &NamespacedName, service: Service) -> bool {
        if self.service(&key.namespace, &key.name) == Some(&service) {
            return false;
        }
        self.delete_service(key);
        if let Kind::Addressed(addresses) = &service.kind {
            for address in addresses {
                self.cluster_addresses.entry(*address).or_default().insert(key.clone());
            }
        }
        self.services.entry(key.namespace.clone()).or_default().insert(key.name.clone(), service);
        true
    }

    /// Forgets a service. Says whether it was known.
    pub fn delete_service(&mut self, key: &NamespacedName) -> bool {
        let Some(old) = take(&mut self.services, &key.namespace, &key.name) else { return false };
        if let Kind::Addressed(addresses) = old.kind {
            for address in addresses {
                remove(&mut self.cluster_addresses, &address, key);
            }
        }
        true
    }

    /// Stores a slice in place of its last version. Says whether anything changed.
    pub fn apply_slice(&mut self, key: &NamespacedName, slice: Slice) -> bool {
        let known = self.slices.get(&key.namespace).and_then(|services| services.get(&slice.service));
        if known.and_then(|slices| slices.get(&key.name)) == Some(&slice) {
            return false;
        }
        self.delete_slice(key);
        for endpoint in &slice.endpoints {
            let behind = Behind::new(key, &slice.service, endpoint);
            self.endpoint_addresses.entry(endpoint.address).or_default().insert(behind);
        }
        self.owners.insert(key.clone(), slice.service.clone());
        let services = self.slices.entry(key.namespace.clone()).or_default();
        services.entry(slice.service.clone()).or_default().insert(key.name.clone(), slice);
        true
    }

    /// Forgets a slice. Says whether it was known.
    pub fn delete_slice(&mut self, key: &NamespacedName) -> bool {
        let Some(service) = self.owners.remove(key) else { return false };
        let Some(slices) = self.slices.get_mut(&key.namespace).and_then(|services| services.get_mut(&service)) else {
            return false;
        };
        let old = slices.remove(&key.name);
        if slices.is_empty() {
            take(&mut self.slices, &key.namespace, &service);
        }
        for endpoint in old.iter().flat_map(|slice| &slice.endpoints) {
            let behind = Behind::new(key, &service, endpoint);
            remove(&mut self.endpoint_addresses, &endpoint.address, &behind);
        }
        old.is_some()
    }

    /// The addresses of this server: those of the service `kube-dns` when it is there, else where it listens.
    pub(crate) fn server_addresses(&self) -> &[IpAddr] {
        match self.service("kube-system", "kube-dns") {
            Some(Service { kind: Kind::Addressed(addresses), .. }) if !addresses.is_empty() => addresses,
            _ => self.address.as_slice(),
        }
    }

    /// A namespace whose services are known exists, even when its own event is still to come.
    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name) || self.services.contains_key(name)
    }

    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(namespace)?.get(name)
    }

    pub(crate) fn slices(&self, namespace: &str, service: &str) -> impl Iterator<Item = &Slice> {
        let slices = self.slices.get(namespace).and_then(|services| services.get(service));
        slices.into_iter().flat_map(BTreeMap::values)
    }

    /// The names of an address: the service that has it, else the endpoints, each once.
    pub(crate) fn owners_of(&self, address: IpAddr) -> Vec<Owner<'_>> {
        if let Some(service) = self.cluster_addresses.get(&address).and_then(BTreeSet::first) {
            return vec![vec![&service.name, &service.namespace]];
        }
        let mut owners = Vec::new();
        for behind in self.endpoint_addresses.get(&address).into_iter().flatten() {
            let key = &behind.service;
            let shown = self.service(&key.namespace, &key.name).is_some_and(|s| behind.ready || s.publish_not_ready);
            let owner: Owner<'_> = vec![&behind.endpoint, &key.name, &key.namespace];
            if shown && owners.last() != Some(&owner) {
                owners.push(owner);
            }
        }
        owners
    }
}

impl Behind {
    fn new(slice: &NamespacedName, service: &str, endpoint: &Endpoint) -> Self {
        Self {
            service: NamespacedName::new(slice.namespace.clone(), service),
            endpoint: endpoint.name.clone(),
            slice: slice.name.clone(),
            ready: endpoint.ready,
        }
    }
}

/// Takes an object out, and its namespace when it was the last.
fn take<T>(objects: &mut ByName<T>, namespace: &str, name: &str) -> Option<T> {
    let inner = objects.get_mut(namespace)?;
    let old = inner.remove(name);
    if inner.is_empty() {
        objects.remove(namespace);
    }
    old
}

/// Takes a value out of an index, and its key when it was the last.
fn remove<T: Ord>(index: &mut HashMap<IpAddr, BTreeSet<T>>, address: &IpAddr, value: &T) {
    if let Some(values) = index.get_mut(address) {
        values.remove(value);
        if values.is_empty() {
            index.remove(address);
        }
    }
}
