//! The shell: reads caches, carries the plan out, writes the status.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::Informer;
use corvette_client::kube::api::{DeleteParams, PostParams, Preconditions};
use corvette_client::kube::{self, Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use parking_lot::Mutex;

use super::identity::{number_of, revision, spec};
use super::plan::{Observed, Plan, Revision, Step, plan};
use super::status::{next_available, status};
use crate::controllers::shared::claim;
use crate::controllers::shared::family::Family;
use crate::controllers::shared::history;
use crate::controllers::shared::pods;
use crate::controllers::shared::slow_start::slow_start;
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_not_found, is_status};

/// The label of revisions that holds their hash.
const REVISION_HASH: &str = "controller.kubernetes.io/hash";

struct StatefulSetController {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    sets: Informer<StatefulSet>,
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
    revisions: Informer<ControllerRevision>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (sets, pods) = (cx.informers.of::<StatefulSet>(), pods::informer(&cx.informers));
    let revisions = cx.informers.of::<ControllerRevision>();
    pods::index_owners(&revisions);
    let family = Family {
        owners: sets.clone(),
        queue,
        expectations: None,
        selector: |set: &StatefulSet| claim::selector(&set.spec.as_ref()?.selector).ok(),
    };
    family.watch(&pods);
    Arc::new(StatefulSetController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        recorder: cx.recorder("statefulset-controller"),
        sets,
        pods,
        claims: cx.informers.of::<PersistentVolumeClaim>(),
        revisions,
    })
}

#[async_trait]
impl Controller for StatefulSetController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(set) = self.sets.get(key) else { return Ok(Action::Done) };
        let selector = claim::selector(&spec(&set).selector)?;
        let revisions = history::of(&self.client, &self.revisions, set.as_ref(), &selector).await?;
        let mut candidates = self.pods.by_index(pods::BY_CONTROLLER, &set.uid().unwrap_or_default());
        let orphans = self.pods.by_index(pods::ORPHANS, &key.namespace);
        candidates.extend(orphans.into_iter().filter(|pod| number_of(&key.name, pod).is_some()));
        let owned = claim::claim(&self.client, set.as_ref(), &selector, candidates).await?;
        let mut collisions = set.status.as_ref().and_then(|status| status.collision_count);
        let observed = self.observe(&set, &revisions, owned, &mut collisions).await?;
        let plan = plan(&observed);
        let done = self.carry_out(&set, &plan).await;
        let updating = if done.is_ok() { plan.updating } else { 0 };
        self.write_status(key, &set, status(&observed, updating, collisions)).await?;
        done?;
        self.forget_revisions(&observed, &revisions).await?;
        Ok(next_available(&observed).map_or(Action::Done, Action::After))
    }
}

impl StatefulSetController {
    async fn observe(
        &self,
        set: &Arc<StatefulSet>,
        revisions: &[Arc<ControllerRevision>],
        pods: Vec<Arc<Pod>>,
        collisions: &mut Option<i32>,
    ) -> Result<Observed, Error> {
        let template = spec(set).template;
        let newest =
            history::current(&self.client, set.as_ref(), REVISION_HASH, &template, revisions, collisions).await?;
        let update = Revision { name: newest.name_any(), template };
        let name = set.status.as_ref().and_then(|status| status.current_revision.as_deref());
        let current = match revisions.iter().find(|revision| revision.metadata.name.as_deref() == name) {
            Some(found) => Revision { name: found.name_any(), template: history::template_of(found)? },
            None => update.clone(),
        };
        let claims = self.claims.in_namespace(set.metadata.namespace.as_deref().unwrap_or_default());
        let claims: BTreeMap<_, _> = claims.into_iter().map(|claim| (claim.name_any(), claim)).collect();
        Ok(Observed { set: set.clone(), current, update, pods, claims, now: self.clock.now() })
    }

    async fn carry_out(&self, set: &StatefulSet, plan: &Plan) -> Result<(), Error> {
        let rest = Mutex::new(plan.steps.iter());
        let (_, failed) = slow_start(plan.steps.len(), || {
            let step = rest.lock().next();
            async move {
                match step {
                    Some(step) => self.step(set, step).await,
                    None => Ok(()),
                }
            }
        })
        .await;
        failed.map_or(Ok(()), Err)
    }

    async fn step(&self, set: &StatefulSet, step: &Step) -> Result<(), Error> {
        let namespace = set.namespace().unwrap_or_default();
        let pods = Api::<Pod>::namespaced(self.client.clone(), &namespace);
        match step {
            Step::Create { pod, claims } => {
                self.create_claims(set, &pod.name_any(), claims).await?;
                let outcome = pods.create(&PostParams::default(), pod).await.map(drop);
                self.tell(set, "create", &pod.name_any(), outcome)
            }
            Step::Claims(pod, claims) => self.create_claims(set, pod, claims).await,
            Step::Own(claim) => {
                let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &namespace);
                Ok(api.replace(&claim.name_any(), &PostParams::default(), claim).await.map(drop)?)
            }
            Step::Label(pod) => {
                let outcome = pods.replace(&pod.name_any(), &PostParams::default(), pod).await.map(drop);
                self.tell(set, "update", &pod.name_any(), outcome)
            }
            Step::Delete(pod) => {
                let only = Preconditions { uid: pod.uid(), resource_version: None };
                let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
                match pods.delete(&pod.name_any(), &params).await {
                    // Gone, or a successor has its name already.
                    Err(error) if is_not_found(&error) || is_status(&error, 409, "Conflict") => Ok(()),
                    outcome => self.tell(set, "delete", &pod.name_any(), outcome.map(drop)),
                }
            }
        }
    }

    /// Records what became of a pod.
    fn tell(&self, set: &StatefulSet, verb: &str, pod: &str, outcome: Result<(), kube::Error>) -> Result<(), Error> {
        let (object, name) = (set.object_ref(&()), set.name_any());
        let word = match verb {
            "create" => "Create",
            "update" => "Update",
            _ => "Delete",
        };
        match outcome {
            Ok(()) => {
                let message = format!("{verb} Pod {pod} in StatefulSet {name} successful");
                self.recorder.event(&object, EventType::Normal, format!("Successful{word}"), message);
                Ok(())
            }
            Err(error) if has_cause(&error, "NamespaceTerminating") => Ok(()),
            Err(error) if is_status(&error, 409, "AlreadyExists") => Err(Error::Stale(format!("pod {pod} exists"))),
            Err(error) => {
                let message = format!("{verb} Pod {pod} in StatefulSet {name} failed error: {}", api_message(&error));
                self.recorder.event(&object, EventType::Warning, format!("Failed{word}"), message);
                Err(error.into())
            }
        }
    }

    async fn create_claims(&self, set: &StatefulSet, pod: &str, claims: &[PersistentVolumeClaim]) -> Result<(), Error> {
        let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &set.namespace().unwrap_or_default());
        let (object, name) = (set.object_ref(&()), set.name_any());
        for claim in claims {
            let own = claim.name_any();
            match api.create(&PostParams::default(), claim).await {
                Ok(_) => {
                    let message = format!("create Claim {own} Pod {pod} in StatefulSet {name} success");
                    self.recorder.event(&object, EventType::Normal, "SuccessfulCreate", message);
                }
                Err(error) if is_status(&error, 409, "AlreadyExists") => {}
                Err(error) => {
                    let reason = api_message(&error);
                    let message =
                        format!("create Claim {own} for Pod {pod} in StatefulSet {name} failed error: {reason}");
                    self.recorder.event(&object, EventType::Warning, "FailedCreate", message);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    async fn forget_revisions(&self, observed: &Observed, revisions: &[Arc<ControllerRevision>]) -> Result<(), Error> {
        let named = observed.pods.iter().map(|pod| revision(pod).to_owned());
        let live: BTreeSet<String> =
            named.chain([observed.current.name.clone(), observed.update.name.clone()]).collect();
        let surplus = history::surplus(revisions, &live, spec(&observed.set).revision_history_limit.unwrap_or(10));
        history::delete(&self.client, observed.set.metadata.namespace.as_deref().unwrap_or_default(), surplus).await
    }

    async fn write_status(&self, key: &NamespacedName, set: &StatefulSet, new: StatefulSetStatus) -> Result<(), Error> {
        if set.status.as_ref() == Some(&new) {
            return Ok(());
        }
        let desired = StatefulSet { status: Some(new), ..set.clone() };
        let api = Api::<StatefulSet>::namespaced(self.client.clone(), &key.namespace);
        match api.replace_status(&key.name, &PostParams::default(), &desired).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
