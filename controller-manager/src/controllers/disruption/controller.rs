//! The shell: reads caches, writes the status, tells what is wrong.

use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::PostParams;
use corvette_client::kube::core::{Selector, SelectorExt as _};
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::plan::{Scale, failed, plan};
use crate::controllers::shared::claim::{self, controller_of};
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, is_not_found};

struct DisruptionController {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    budgets: Informer<PodDisruptionBudget>,
    pods: Informer<Pod>,
    owners: Owners,
}

/// What pods can be controlled by.
struct Owners {
    deployments: Informer<Deployment>,
    replica_sets: Informer<ReplicaSet>,
    stateful_sets: Informer<StatefulSet>,
    replication_controllers: Informer<ReplicationController>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (budgets, pods) = (cx.informers.of::<PodDisruptionBudget>(), pods::informer(&cx.informers));
    let keys = queue.clone();
    budgets.on_change(move |change| keys.add(NamespacedName::of(change.object().as_ref())));
    let all = budgets.clone();
    pods.on_change(move |change| {
        let wake = |pod: &Pod| {
            for budget in all.in_namespace(pod.metadata.namespace.as_deref().unwrap_or_default()) {
                if selector(&budget).is_ok_and(|selector| selects(selector.as_ref(), pod)) {
                    queue.add(NamespacedName::of(budget.as_ref()));
                }
            }
        };
        if let Change::Updated { old, new } = change
            && old.labels() != new.labels()
        {
            wake(old);
        }
        wake(change.object());
    });
    let owners = Owners {
        deployments: cx.informers.of(),
        replica_sets: cx.informers.of(),
        stateful_sets: cx.informers.of(),
        replication_controllers: cx.informers.of(),
    };
    Arc::new(DisruptionController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        recorder: cx.recorder("controllermanager"),
        budgets,
        pods,
        owners,
    })
}

#[async_trait]
impl Controller for DisruptionController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(budget) = self.budgets.get(key) else { return Ok(Action::Done) };
        let selector = selector(&budget)?;
        let mut selected = self.pods.in_namespace(&key.namespace);
        selected.retain(|pod| selects(selector.as_ref(), pod));
        let tell =
            |kind, reason: &str, message: String| self.recorder.event(&budget.object_ref(&()), kind, reason, message);
        if selected.is_empty() {
            tell(EventType::Normal, "NoPods", "No matching pods found".to_owned());
        }
        let now = self.clock.now();
        let plan = match plan(&budget, &selected, |owner| self.owners.scale(&key.namespace, owner), now) {
            Ok(plan) => plan,
            Err(error) => {
                let message = format!("Failed to calculate the number of expected pods: {error}");
                tell(EventType::Warning, "CalculateExpectedPodCountFailed", message);
                self.write(&budget, failed(&budget, &error, now)).await?;
                return Ok(Action::Done);
            }
        };
        if plan.unmanaged {
            tell(EventType::Warning, "UnmanagedPods", unmanaged(selector.as_ref()));
        }
        for pod in &plan.not_deleted {
            // Upstream prints the namespace twice.
            let message = format!("Pod was expected by PDB {0}/{0} to be deleted but it wasn't", key.namespace);
            self.recorder.event(&pod.object_ref(&()), EventType::Warning, "NotDeleted", message);
        }
        self.write(&budget, plan.status).await?;
        Ok(plan.again.map_or(Action::Done, Action::After))
    }
}

impl DisruptionController {
    async fn write(&self, budget: &PodDisruptionBudget, status: PodDisruptionBudgetStatus) -> Result<(), Error> {
        if budget.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let desired = PodDisruptionBudget { status: Some(status), ..budget.clone() };
        let api = Api::<PodDisruptionBudget>::namespaced(self.client.clone(), &budget.namespace().unwrap_or_default());
        match api.replace_status(&budget.name_any(), &PostParams::default(), &desired).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Owners {
    /// Finds what a pod's controller wants; that of a set counts for the Deployment that controls it.
    fn scale(&self, namespace: &str, owner: &OwnerReference) -> Option<Scale> {
        let key = NamespacedName::new(namespace, &owner.name);
        let of = |meta: &ObjectMeta, replicas: Option<i32>| {
            let uid = meta.uid.clone().filter(|uid| *uid == owner.uid)?;
            Some(Scale { uid, replicas: replicas.unwrap_or(1) })
        };
        match owner.kind.as_str() {
            "Deployment" => {
                self.deployments.get(&key).and_then(|d| of(&d.metadata, d.spec.as_ref().and_then(|spec| spec.replicas)))
            }
            "ReplicaSet" => {
                let set = self.replica_sets.get(&key).filter(|set| set.metadata.uid.as_ref() == Some(&owner.uid))?;
                match controller_of(&set.metadata).filter(|above| above.kind == "Deployment") {
                    Some(deployment) => self.scale(namespace, deployment),
                    None => of(&set.metadata, set.spec.as_ref().and_then(|spec| spec.replicas)),
                }
            }
            "StatefulSet" => self
                .stateful_sets
                .get(&key)
                .and_then(|s| of(&s.metadata, s.spec.as_ref().and_then(|spec| spec.replicas))),
            "ReplicationController" => self
                .replication_controllers
                .get(&key)
                .and_then(|c| of(&c.metadata, c.spec.as_ref().and_then(|spec| spec.replicas))),
            _ => None,
        }
    }
}

/// Returns the selector of a budget; one without selects nothing.
fn selector(budget: &PodDisruptionBudget) -> Result<Option<Selector>, Error> {
    budget.spec.as_ref().and_then(|spec| spec.selector.as_ref()).map(claim::selector).transpose()
}

/// An empty selector selects every pod.
fn selects(selector: Option<&Selector>, pod: &Pod) -> bool {
    selector.is_some_and(|selector| selector.matches(pod.labels()))
}

fn unmanaged(selector: Option<&Selector>) -> String {
    let selector = selector.map(ToString::to_string).unwrap_or_default();
    format!(
        "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, the \
         status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these \
         pods please set \".spec.minAvailable\" field of the PDB to an integer value."
    )
}
