//! What a budget's status says. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_api::intstr::Rounding;
use corvette_client::kube::ResourceExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::controllers::shared::claim::controller_of;
use crate::controllers::shared::counts::{number, scaled};
use crate::controllers::shared::pods::is_ready;

/// How long an evicted pod may take until it is seen to be deleted.
const DELETION_TIMEOUT: SignedDuration = SignedDuration::from_secs(120);

/// The number of pods that a controller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The controller's uid; that of the Deployment for the pods of its sets.
    pub uid: String,
    /// How many it wants.
    pub replicas: i32,
}

/// What to write and to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The new status.
    pub status: PodDisruptionBudgetStatus,
    /// Whether pods without a controller keep the share from being known.
    pub unmanaged: bool,
    /// Pods that were evicted and are still there.
    pub not_deleted: Vec<Arc<Pod>>,
    /// When the pods noted as evicted are to be looked at again.
    pub again: Option<Duration>,
}

/// Decides about a budget from the pods that it selects; `scale` finds the controller of a pod.
///
/// # Errors
/// When the number of pods to be expected cannot be known, in upstream's words.
pub fn plan(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    scale: impl Fn(&OwnerReference) -> Option<Scale>,
    now: Timestamp,
) -> Result<Plan, String> {
    let (expected, desired, unmanaged) = expected(budget, pods, scale)?;
    let noted = budget.status.as_ref().and_then(|status| status.disrupted_pods.clone()).unwrap_or_default();
    let (mut kept, mut not_deleted, mut again) = (BTreeMap::new(), Vec::new(), None);
    for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        let Some(at) = noted.get(&pod.name_any()) else { continue };
        let rest = at.0.saturating_add(DELETION_TIMEOUT).unwrap_or(now).duration_since(now);
        if rest.is_negative() {
            not_deleted.push(pod.clone());
        } else {
            let rest = Duration::try_from(rest).unwrap_or_default();
            again = Some(again.map_or(rest, |soonest: Duration| soonest.min(rest)));
            kept.insert(pod.name_any(), at.clone());
        }
    }
    let healthy = pods.iter().filter(|pod| {
        pod.metadata.deletion_timestamp.is_none() && !kept.contains_key(&pod.name_any()) && is_ready(pod)
    });
    let healthy = number(healthy.count());
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        expected_pods: Some(expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: (!kept.is_empty()).then_some(kept),
        observed_generation: budget.metadata.generation,
        conditions: budget.status.as_ref().and_then(|status| status.conditions.clone()),
    };
    let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
    let status = with_condition(status, allowed > 0, reason, "", now);
    Ok(Plan { status, unmanaged, not_deleted, again })
}

/// Returns the status of a budget about which nothing can be known: nothing may go.
pub fn failed(budget: &PodDisruptionBudget, error: &str, now: Timestamp) -> PodDisruptionBudgetStatus {
    let known = budget.status.clone().unwrap_or_default();
    with_condition(PodDisruptionBudgetStatus { disruptions_allowed: Some(0), ..known }, false, "SyncFailed", error, now)
}

/// Returns how many pods there should be, how many of them must stay healthy, and whether some have no controller.
fn expected(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    scale: impl Fn(&OwnerReference) -> Option<Scale>,
) -> Result<(i32, i32, bool), String> {
    let spec = budget.spec.clone().unwrap_or_default();
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let (total, unmanaged) = wanted(pods, scale)?;
            Ok((total, (total - scaled(Some(most), total, Rounding::Up)).max(0), unmanaged))
        }
        (None, Some(IntOrString::Int(least))) => Ok((number(pods.len()), *least, false)),
        (None, Some(share)) => {
            let (total, unmanaged) = wanted(pods, scale)?;
            Ok((total, scaled(Some(share), total, Rounding::Up), unmanaged))
        }
        (None, None) => Ok((0, 0, false)),
    }
}

/// Adds up what the controllers of the pods want.
fn wanted(pods: &[Arc<Pod>], scale: impl Fn(&OwnerReference) -> Option<Scale>) -> Result<(i32, bool), String> {
    let (mut scales, mut unmanaged) = (BTreeMap::new(), false);
    for pod in pods {
        let Some(owner) = controller_of(&pod.metadata) else {
            unmanaged = true;
            continue;
        };
        let found = scale(owner).ok_or_else(|| format!("found no controllers for pod {:?}", pod.name_any()))?;
        scales.insert(found.uid, found.replicas);
    }
    Ok((scales.values().fold(0, |sum: i32, replicas| sum.saturating_add(*replicas)), unmanaged))
}

fn with_condition(
    mut status: PodDisruptionBudgetStatus,
    allowed: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> PodDisruptionBudgetStatus {
    let conditions = status.conditions.get_or_insert_default();
    let value = if allowed { "True" } else { "False" };
    let known = conditions.iter().find(|condition| condition.type_ == "DisruptionAllowed");
    let since =
        known.filter(|condition| condition.status == value).map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: "DisruptionAllowed".to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: status.observed_generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    conditions.retain(|condition| condition.type_ != "DisruptionAllowed");
    conditions.push(condition);
    status
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::shared::testing::{at, pod};

    fn budget(spec: Value, status: Value) -> PodDisruptionBudget {
        serde_json::from_value(json!({"metadata": {"generation": 3}, "spec": spec, "status": status})).unwrap()
    }

    fn pods(ready: usize, all: usize) -> Vec<Arc<Pod>> {
        let make = |n: usize| {
            let mut pod = pod(&format!("p{n}"), "Running", None, 0, (n < ready).then_some(1));
            let owner = OwnerReference { uid: "set".to_owned(), controller: Some(true), ..OwnerReference::default() };
            pod.metadata.owner_references = Some(vec![owner]);
            Arc::new(pod)
        };
        (0..all).map(make).collect()
    }

    fn of_set(replicas: i32) -> impl Fn(&OwnerReference) -> Option<Scale> {
        move |owner| Some(Scale { uid: owner.uid.clone(), replicas })
    }

    proptest! {
        #[test]
        fn what_is_allowed_never_leaves_too_few(ready in 0..10_usize, unready in 0..5_usize, least in 0..12_i32, most in 0..12_i32) {
            let pods = pods(ready, ready + unready);
            let total = i32::try_from(pods.len()).unwrap();
            let healthy = i32::try_from(ready).unwrap();
            let by_least = plan(&budget(json!({"minAvailable": least}), json!(null)), &pods, of_set(total), at(9)).unwrap().status;
            prop_assert_eq!(by_least.disruptions_allowed, Some(if total == 0 { 0 } else { (healthy - least).max(0) }));
            let by_most = plan(&budget(json!({"maxUnavailable": most}), json!(null)), &pods, of_set(total), at(9)).unwrap().status;
            let allowed = by_most.disruptions_allowed.unwrap();
            prop_assert!(total - healthy + allowed <= most.max(total - healthy));
            let condition = &by_most.conditions.unwrap()[0];
            prop_assert_eq!(condition.status == "True", allowed > 0);
        }
    }

    #[test]
    fn a_pod_that_was_evicted_counts_as_gone_until_it_should_have_been() {
        let noted = budget(
            json!({"minAvailable": 1}),
            json!({"currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2, "disruptionsAllowed": 0,
                "disruptedPods": {"p0": "1970-01-01T00:00:10Z", "gone": "1970-01-01T00:00:10Z"}}),
        );
        let soon = plan(&noted, &pods(2, 2), of_set(2), at(20)).unwrap();
        assert_eq!((soon.status.current_healthy, soon.status.disruptions_allowed), (Some(1), Some(0)));
        assert_eq!(soon.status.disrupted_pods.unwrap().into_keys().collect::<Vec<_>>(), ["p0"]);
        assert_eq!(soon.again, Some(Duration::from_secs(110)));
        let late = plan(&noted, &pods(2, 2), of_set(2), at(200)).unwrap();
        assert_eq!((late.status.current_healthy, late.status.disruptions_allowed), (Some(2), Some(1)));
        assert_eq!((late.status.disrupted_pods, late.not_deleted.len(), late.again), (None, 1, None));
    }

    #[test]
    fn shares_need_controllers() {
        let half = budget(json!({"minAvailable": "50%"}), json!(null));
        let status = plan(&half, &pods(3, 3), of_set(5), at(9)).unwrap().status;
        assert_eq!(
            (status.expected_pods, status.desired_healthy, status.disruptions_allowed),
            (Some(5), Some(3), Some(0))
        );
        let error = plan(&half, &pods(1, 1), |_| None, at(9)).unwrap_err();
        assert_eq!(error, "found no controllers for pod \"p0\"");
        let status = failed(&half, &error, at(9));
        assert_eq!(status.conditions.unwrap()[0].reason, "SyncFailed");
        let alone = vec![Arc::new(pod("alone", "Running", None, 0, Some(1)))];
        let plan = plan(&half, &alone, of_set(5), at(9)).unwrap();
        assert!(plan.unmanaged && plan.status.disruptions_allowed == Some(0));
    }
}
