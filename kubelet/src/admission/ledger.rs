//! What the pods hold that this node has taken and that have not ended.

use std::collections::HashMap;
use std::sync::Arc;

use corvette_client::placement::{HostPort, Resources, host_ports, of_pod};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;

use super::{NodeFacts, judge, resources};
use crate::pods::spec;
use crate::status::Verdict;

/// What a pod holds of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// What it asked for.
    pub requests: Resources,
    /// Ports of the node.
    pub ports: Vec<HostPort>,
}

impl Holding {
    /// What a pod asks for.
    pub fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        Self { requests: spec.map(of_pod).unwrap_or_default(), ports: spec.map(host_ports).unwrap_or_default() }
    }
}

/// Holdings by pod uid. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<HashMap<String, Holding>>>);

impl Ledger {
    /// Judges a pod against those that were taken before, and takes it when nothing is against it.
    ///
    /// # Errors
    /// Why the node does not take the pod.
    pub fn admit(&self, pod: &Pod, node: &NodeFacts) -> Result<(), Verdict> {
        let uid = spec::uid(pod);
        let wanted = Holding::of(pod);
        let mut held = self.0.lock();
        let others: Vec<&Holding> = held.iter().filter(|(other, _)| *other != uid).map(|(_, held)| held).collect();
        judge(pod, &wanted, node, &others)?;
        held.insert(uid.to_owned(), wanted);
        Ok(())
    }

    /// Whether the pod holds what its spec asks for now.
    pub fn holds(&self, pod: &Pod) -> bool {
        self.0.lock().get(spec::uid(pod)).is_none_or(|held| held.requests == Holding::of(pod).requests)
    }

    /// Lets a pod hold what its spec asks for now, when the node has it.
    ///
    /// # Errors
    /// `Deferred` or `Infeasible`; the pod goes on holding what it held.
    pub fn resize(&self, pod: &Pod, node: &NodeFacts) -> Result<(), Verdict> {
        let uid = spec::uid(pod);
        let wanted = Holding::of(pod);
        let mut held = self.0.lock();
        let mut used = Resources::default();
        held.iter().filter(|(other, _)| *other != uid).for_each(|(_, other)| used.add(&other.requests));
        resources::grow(&wanted.requests, node, &used)?;
        held.insert(uid.to_owned(), wanted);
        Ok(())
    }

    /// Takes in a pod that this node took before.
    pub fn record(&self, pod: &Pod) {
        self.0.lock().insert(spec::uid(pod).to_owned(), Holding::of(pod));
    }

    /// Takes a pod out: nothing of it runs any more.
    pub fn release(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}
