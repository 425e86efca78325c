//! Amounts of resources.

use std::collections::BTreeMap;

use corvette_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

/// CPU that scoring assumes for a container without a request, millicores (`pkg/scheduler/util/pod_resources.go`).
const DEFAULT_MILLI_CPU: i64 = 100;
/// Memory that scoring assumes for a container without a request, bytes.
const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

/// An amount of each resource. CPU is in millicores, the others in their base unit (bytes, pieces).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Millicores.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes of local storage.
    pub ephemeral_storage: i64,
    /// Everything else (huge pages, devices), by resource name.
    pub extended: BTreeMap<String, i64>,
}

impl Resources {
    /// Reads a `requests`, `capacity` or `allocatable` map. A quantity that does not parse counts as zero: the API server
    /// has validated it already.
    pub fn from_map(map: &BTreeMap<String, WireQuantity>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in map {
            let Ok(parsed) = Quantity::parse(&quantity.0) else { continue };
            match name.as_str() {
                "cpu" => amounts.milli_cpu = parsed.millis(),
                "memory" => amounts.memory = parsed.value(),
                "ephemeral-storage" => amounts.ephemeral_storage = parsed.value(),
                "pods" => {}
                _ => {
                    amounts.extended.insert(name.clone(), parsed.value());
                }
            }
        }
        amounts
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.saturating_add(other.milli_cpu);
        self.memory = self.memory.saturating_add(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.saturating_add(other.ephemeral_storage);
        for (name, amount) in &other.extended {
            let held = self.extended.entry(name.clone()).or_default();
            *held = held.saturating_add(*amount);
        }
    }

    /// Takes `other` away.
    pub fn subtract(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.saturating_sub(other.milli_cpu);
        self.memory = self.memory.saturating_sub(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.saturating_sub(other.ephemeral_storage);
        for (name, amount) in &other.extended {
            if let Some(held) = self.extended.get_mut(name) {
                *held = held.saturating_sub(*amount);
            }
        }
    }

    /// Raises every amount to at least that of `other`.
    fn raise_to(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.max(other.milli_cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(other.ephemeral_storage);
        for (name, amount) in &other.extended {
            let held = self.extended.entry(name.clone()).or_default();
            *held = (*held).max(*amount);
        }
    }
}

/// What a pod asks for: its containers and sidecars together, or its largest init container with the sidecars started before it,
/// whichever is more, plus overhead; pod-level requests replace the sum (`component-helpers/resource/helpers.go: PodRequests`).
pub fn of_pod(spec: &PodSpec) -> Resources {
    total(spec, spec.resources.as_ref().and_then(|own| own.requests.as_ref()), requests_of)
}

/// What a pod may use at most, counted in the same way. A container without a limit counts as none: whether the sum is a
/// limit at all is for the caller to find out.
pub fn limits_of_pod(spec: &PodSpec) -> Resources {
    let own = spec.resources.as_ref().and_then(|own| own.limits.as_ref());
    total(spec, own, |container| {
        let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
        limits.map(Resources::from_map).unwrap_or_default()
    })
}

/// The same for scoring, where a container without a request counts as a small one.
pub fn of_pod_nonzero(spec: &PodSpec) -> Resources {
    total(spec, spec.resources.as_ref().and_then(|own| own.requests.as_ref()), |container| {
        let mut amounts = requests_of(container);
        if amounts.milli_cpu == 0 {
            amounts.milli_cpu = DEFAULT_MILLI_CPU;
        }
        if amounts.memory == 0 {
            amounts.memory = DEFAULT_MEMORY;
        }
        amounts
    })
}

fn requests_of(container: &Container) -> Resources {
    container.resources.as_ref().and_then(|r| r.requests.as_ref()).map(Resources::from_map).unwrap_or_default()
}

fn total(
    spec: &PodSpec,
    pod_level: Option<&BTreeMap<String, WireQuantity>>,
    of_container: impl Fn(&Container) -> Resources,
) -> Resources {
    let mut sum = Resources::default();
    for container in &spec.containers {
        sum.add(&of_container(container));
    }
    let mut sidecars = Resources::default();
    let mut largest_init = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let own = of_container(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sum.add(&own);
            sidecars.add(&own);
            largest_init.raise_to(&sidecars);
        } else {
            let mut during = own;
            during.add(&sidecars);
            largest_init.raise_to(&during);
        }
    }
    sum.raise_to(&largest_init);
    if let Some(pod_level) = pod_level {
        let own = Resources::from_map(pod_level);
        if pod_level.contains_key("cpu") {
            sum.milli_cpu = own.milli_cpu;
        }
        if pod_level.contains_key("memory") {
            sum.memory = own.memory;
        }
    }
    if let Some(overhead) = &spec.overhead {
        sum.add(&Resources::from_map(overhead));
    }
    sum
}
