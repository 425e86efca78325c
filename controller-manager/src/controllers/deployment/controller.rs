//! The shell: reads caches, carries the plan out.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, PostParams};
use corvette_client::kube::{self, Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;

use super::model::{Observed, Step, deadline, is_rolling, same_template, size, spec, status_of};
use super::plan::plan;
use super::status::{self, PROGRESSING};
use crate::controllers::shared::claim::{self, controller_of};
use crate::controllers::shared::family::Family;
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_not_found, is_status};

struct DeploymentController {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let deployments = cx.informers.of::<Deployment>();
    let (sets, pods) = (cx.informers.of::<ReplicaSet>(), pods::informer(&cx.informers));
    pods::index_owners(&sets);
    let family = Family {
        owners: deployments.clone(),
        queue: queue.clone(),
        expectations: None,
        selector: |deployment: &Deployment| claim::selector(&spec(deployment).selector).ok(),
    };
    family.watch(&sets);
    wake_recreations(&deployments, &sets, &pods, queue);
    Arc::new(DeploymentController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        recorder: cx.recorder("deployment-controller"),
        deployments,
        sets,
        pods,
    })
}

/// Looks at a re-creating deployment when one of its pods has ended: it may have been the last.
fn wake_recreations(
    deployments: &Informer<Deployment>,
    sets: &Informer<ReplicaSet>,
    pods: &Informer<Pod>,
    queue: Queue,
) {
    let (deployments, sets) = (deployments.clone(), sets.clone());
    pods.on_change(move |change| {
        let pod = change.object();
        if !matches!(change, Change::Deleted(_)) && !pods::is_terminal(pod) {
            return;
        }
        let namespace = pod.namespace().unwrap_or_default();
        let set = controller_of(pod.meta()).and_then(|r| sets.get(&NamespacedName::new(&namespace, &r.name)));
        let owner = set.as_ref().and_then(|set| controller_of(set.meta()));
        let Some(key) = owner.map(|owner| NamespacedName::new(&namespace, &owner.name)) else { return };
        if deployments.get(&key).is_some_and(|deployment| !is_rolling(&deployment)) {
            queue.add(key);
        }
    });
}

#[async_trait]
impl Controller for DeploymentController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(deployment) = self.deployments.get(key) else { return Ok(Action::Done) };
        let selector = spec(&deployment).selector;
        if selector.match_labels.is_none() && selector.match_expressions.is_none() {
            let message = "This deployment is selecting all pods. A non-empty selector is required.";
            self.recorder.event(&deployment.object_ref(&()), EventType::Warning, "SelectingAll", message);
            return Ok(Action::Done);
        }
        let mut candidates = self.sets.by_index(pods::BY_CONTROLLER, &deployment.uid().unwrap_or_default());
        candidates.extend(self.sets.by_index(pods::ORPHANS, &key.namespace));
        let selector = claim::selector(&selector)?;
        let sets = claim::claim(&self.client, deployment.as_ref(), &selector, candidates).await?;
        let running = if is_rolling(&deployment) { BTreeSet::new() } else { self.running(&sets) };
        let plan = plan(&Observed::new(deployment.clone(), sets, running, self.clock.now()));
        for step in plan.steps {
            self.carry_out(key, &deployment, step).await?;
        }
        Ok(plan.again.map_or(Action::Done, Action::After))
    }
}

impl DeploymentController {
    fn running(&self, sets: &[Arc<ReplicaSet>]) -> BTreeSet<String> {
        let uids = sets.iter().filter_map(|set| set.uid());
        uids.filter(|uid| self.pods.by_index(pods::BY_CONTROLLER, uid).iter().any(|pod| !pods::is_terminal(pod)))
            .collect()
    }

    async fn carry_out(&self, key: &NamespacedName, deployment: &Deployment, step: Step) -> Result<(), Error> {
        let sets = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        match step {
            Step::Create(set) => self.create(&sets, deployment, &set).await,
            Step::Update { set, event } => {
                sets.replace(&set.name_any(), &PostParams::default(), &set).await?;
                if let Some(message) = event {
                    self.scaled(deployment, message);
                }
                Ok(())
            }
            Step::Delete(name) => match sets.delete(&name, &DeleteParams::default()).await {
                Err(error) if !is_not_found(&error) => Err(error.into()),
                _ => Ok(()),
            },
            Step::Status(next) => self.write(key, &next).await,
        }
    }

    async fn write(&self, key: &NamespacedName, next: &Deployment) -> Result<(), Error> {
        let api = Api::<Deployment>::namespaced(self.client.clone(), &key.namespace);
        match api.replace_status(&key.name, &PostParams::default(), next).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn scaled(&self, deployment: &Deployment, message: String) {
        self.recorder.event(&deployment.object_ref(&()), EventType::Normal, "ScalingReplicaSet", message);
    }

    async fn create(&self, api: &Api<ReplicaSet>, deployment: &Deployment, set: &ReplicaSet) -> Result<(), Error> {
        match api.create(&PostParams::default(), set).await {
            Ok(created) => {
                if size(&created) > 0 {
                    let message = format!("Scaled up replica set {} from 0 to {}", created.name_any(), size(&created));
                    self.scaled(deployment, message);
                }
                Ok(())
            }
            Err(error) if is_status(&error, 409, "AlreadyExists") => self.resolve_collision(api, deployment, set).await,
            Err(error) if has_cause(&error, "NamespaceTerminating") => Err(error.into()),
            Err(error) => self.tell_failure(deployment, set, error).await,
        }
    }

    /// The name is taken: by our own set that the cache does not show yet, or by another template with the same hash.
    async fn resolve_collision(
        &self,
        api: &Api<ReplicaSet>,
        deployment: &Deployment,
        set: &ReplicaSet,
    ) -> Result<(), Error> {
        let live = api.get(&set.name_any()).await?;
        let ours = controller_of(live.meta()).is_some_and(|owner| Some(&owner.uid) == deployment.metadata.uid.as_ref());
        if ours && same_template(&live, &spec(deployment).template) {
            return Ok(());
        }
        let mut next = deployment.clone();
        let mut status = status_of(deployment);
        status.collision_count = Some(status.collision_count.unwrap_or_default() + 1);
        next.status = Some(status);
        self.write(&NamespacedName::of(deployment), &next).await?;
        Err(Error::Stale(format!("the name {} is taken; its hash changes", set.name_any())))
    }

    async fn tell_failure(&self, deployment: &Deployment, set: &ReplicaSet, error: kube::Error) -> Result<(), Error> {
        let message = format!("Failed to create new replica set {:?}: {}", set.name_any(), api_message(&error));
        if deadline(deployment).is_some() {
            let mut status = status_of(deployment);
            let failed = status::make(PROGRESSING, "False", "ReplicaSetCreateError", message.clone(), self.clock.now());
            status::set(&mut status, failed);
            if Some(&status) != deployment.status.as_ref() {
                let next = Deployment { status: Some(status), ..deployment.clone() };
                self.write(&NamespacedName::of(deployment), &next).await?;
            }
        }
        self.recorder.event(&deployment.object_ref(&()), EventType::Warning, "ReplicaSetCreateError", message);
        Err(error.into())
    }
}
