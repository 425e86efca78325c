//! Which pod comes or goes next. Pure.
//!
//! Follows pkg/controller/statefulset/stateful_set_control.go: updateStatefulSet @ v1.36.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_api::intstr::Rounding;
use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodTemplateSpec};

use super::claims;
use super::identity::{first, is_labelled, label, number_of, numbers, pod, replicas, revision, spec};
use crate::controllers::shared::counts::{scaled, wanted};
use crate::controllers::shared::pods;

/// A template under the name of its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The name of the ControllerRevision.
    pub name: String,
    /// What it keeps.
    pub template: PodTemplateSpec,
}

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The set.
    pub set: Arc<StatefulSet>,
    /// The revision that pods had before the update, and those below the partition have.
    pub current: Revision,
    /// The revision of the set's template.
    pub update: Revision,
    /// Its pods.
    pub pods: Vec<Arc<Pod>>,
    /// The claims of the namespace that its pods may use, by name.
    pub claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    /// The time.
    pub now: Timestamp,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Create a pod after the claims that are missing.
    Create {
        /// The pod.
        pod: Box<Pod>,
        /// The claims.
        claims: Vec<PersistentVolumeClaim>,
    },
    /// Create claims that a pod waits for.
    Claims(String, Vec<PersistentVolumeClaim>),
    /// Replace a claim by one with other owners.
    Own(Box<PersistentVolumeClaim>),
    /// Replace a pod by one with the labels of its identity.
    Label(Box<Pod>),
    /// Delete a pod.
    Delete(Arc<Pod>),
}

/// The writes to make now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// How many of the deletions make room for the new revision.
    pub updating: usize,
}

/// Says whether the caller must wait for something before it goes on.
type Wait = bool;

impl Observed {
    fn is_available(&self, pod: &Pod) -> bool {
        let seconds = self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or_default();
        pods::phase(pod) == "Running" && pods::is_available(pod, seconds, self.now)
    }

    /// Says whether a pod is of no use now.
    fn is_unavailable(&self, pod: &Pod) -> bool {
        pod.metadata.deletion_timestamp.is_some() || !self.is_available(pod)
    }

    fn is_ordered(&self) -> bool {
        self.set.spec.as_ref().and_then(|spec| spec.pod_management_policy.as_deref()) != Some("Parallel")
    }

    fn is_rolling(&self) -> bool {
        let strategy = self.set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
        strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete")
    }

    fn partition(&self) -> Option<i64> {
        let strategy = self.set.spec.as_ref()?.update_strategy.as_ref()?;
        Some(strategy.rolling_update.as_ref()?.partition.unwrap_or_default().into())
    }

    /// Returns the pods by number: those to have, and those beyond, the highest first.
    fn sorted(&self) -> (BTreeMap<i64, Arc<Pod>>, Vec<Arc<Pod>>) {
        let name = self.set.name_any();
        let known = self.pods.iter().filter_map(|pod| Some((number_of(&name, pod)?, pod.clone())));
        let (wanted, mut beyond): (Vec<_>, Vec<_>) = known.partition(|(number, _)| numbers(&self.set).contains(number));
        beyond.sort_by_key(|(number, _)| Reverse(*number));
        (wanted.into_iter().collect(), beyond.into_iter().map(|(_, pod)| pod).collect())
    }

    /// Makes the missing pod with a number, of the revision it should have.
    fn missing(&self, number: i64) -> Pod {
        let start = first(&self.set);
        let below = match self.partition() {
            Some(partition) => partition,
            None => self.set.status.as_ref().and_then(|status| status.current_replicas).unwrap_or_default().into(),
        };
        let keeps = self.is_rolling() && number < start.saturating_add(below);
        let revision = if keeps { &self.current } else { &self.update };
        pod(&self.set, &revision.template, &revision.name, number)
    }

    fn missing_claims(&self, pod: &str) -> Vec<PersistentVolumeClaim> {
        let all = claims::make(&self.set, pod);
        all.into_iter().filter(|claim| !self.claims.contains_key(&claim.name_any())).collect()
    }

    /// Returns the pod's claims whose owners are not as the policy says, corrected.
    fn disowned(&self, pod: &Pod) -> Vec<Step> {
        let names = claims::make(&self.set, &pod.name_any());
        let found = names.iter().filter_map(|claim| self.claims.get(&claim.name_any()));
        found.filter_map(|claim| claims::owned(&self.set, pod, claim)).map(|claim| Step::Own(Box::new(claim))).collect()
    }
}

/// Plans the next step: first the pods to have, then those beyond, then the update.
pub fn plan(observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    if observed.set.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let (have, beyond) = observed.sorted();
    let ordered = observed.is_ordered();
    for number in numbers(&observed.set) {
        if keep(observed, number, have.get(&number), &mut plan) && ordered {
            return plan;
        }
    }
    plan.steps.extend(beyond.iter().flat_map(|pod| observed.disowned(pod)));
    let in_order = have.values().chain(beyond.iter().rev());
    let first_unavailable = in_order.clone().find(|pod| observed.is_unavailable(pod));
    for pod in &beyond {
        let unhealthy_first = first_unavailable.is_some_and(|first| Arc::ptr_eq(first, pod));
        if condemn(observed, pod, unhealthy_first, &mut plan) && ordered {
            return plan;
        }
    }
    if observed.is_rolling() && have.len() == wanted(replicas(&observed.set)) && beyond.is_empty() {
        update(observed, &have, &mut plan);
    }
    plan
}

/// Brings the pod with a number into being and keeps its identity.
fn keep(observed: &Observed, number: i64, pod: Option<&Arc<Pod>>, plan: &mut Plan) -> Wait {
    let Some(pod) = pod else {
        let pod = observed.missing(number);
        let name = pod.name_any();
        let used = claims::make(&observed.set, &name);
        let stale = |claim: &PersistentVolumeClaim| {
            observed.claims.get(&claim.name_any()).is_some_and(|claim| claims::is_stale(claim, &name))
        };
        if !(claims::deletes_when_scaled(&observed.set) && used.iter().any(stale)) {
            plan.steps.push(Step::Create { claims: observed.missing_claims(&name), pod: Box::new(pod) });
        }
        return true;
    };
    if pods::is_terminal(pod) {
        // Its successor is made when it is gone.
        if pod.metadata.deletion_timestamp.is_none() {
            plan.steps.push(Step::Delete(pod.clone()));
        }
        return true;
    }
    if pods::phase(pod) == "Pending" {
        let claims = observed.missing_claims(&pod.name_any());
        if !claims.is_empty() {
            plan.steps.push(Step::Claims(pod.name_any(), claims));
        }
    }
    if observed.is_ordered() && observed.is_unavailable(pod) {
        return true;
    }
    if !is_labelled(pod) {
        let mut named = pod.as_ref().clone();
        label(&mut named, number);
        plan.steps.push(Step::Label(Box::new(named)));
    }
    plan.steps.extend(observed.disowned(pod));
    false
}

/// Deletes a pod beyond the wanted number; in order, only when all before it are healthy or it is the first that is not.
fn condemn(observed: &Observed, pod: &Arc<Pod>, unhealthy_first: bool, plan: &mut Plan) -> Wait {
    if pod.metadata.deletion_timestamp.is_some() {
        return true;
    }
    if observed.is_ordered() && !observed.is_available(pod) && !unhealthy_first {
        return true;
    }
    plan.steps.push(Step::Delete(pod.clone()));
    true
}

/// Deletes pods of another revision, the highest number first.
fn update(observed: &Observed, have: &BTreeMap<i64, Arc<Pod>>, plan: &mut Plan) {
    let lowest = first(&observed.set).saturating_add(observed.partition().unwrap_or_default());
    let outdated = |pod: &Pod| revision(pod) != observed.update.name && pod.metadata.deletion_timestamp.is_none();
    let targets = have.range(lowest.min(numbers(&observed.set).end)..).rev().map(|(_, pod)| pod);
    match max_unavailable(observed) {
        None => {
            for pod in targets {
                if outdated(pod) {
                    plan.steps.push(Step::Delete(pod.clone()));
                    plan.updating += 1;
                    return;
                }
                if observed.is_unavailable(pod) {
                    return;
                }
            }
        }
        Some(most) => {
            let unavailable = have.values().filter(|pod| observed.is_unavailable(pod)).count();
            for pod in targets.filter(|pod| outdated(pod)).take(most.saturating_sub(unavailable)) {
                plan.steps.push(Step::Delete(pod.clone()));
                plan.updating += 1;
            }
        }
    }
}

/// Returns how many pods an update may make unavailable at a time; `None` when it goes one by one.
fn max_unavailable(observed: &Observed) -> Option<usize> {
    let strategy = spec(&observed.set).update_strategy?;
    let value = strategy.rolling_update?.max_unavailable?;
    Some(wanted(scaled(Some(&value), replicas(&observed.set), Rounding::Down).max(1)))
}
