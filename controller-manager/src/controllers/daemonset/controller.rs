//! The shell: reads caches, carries the plan out, writes the status.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::EventType;
use corvette_client::expectations::Expectations;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::PostParams;
use corvette_client::kube::{Api, Client, ResourceExt as _};
use corvette_component::clock::SharedClock;
use futures::future::join_all;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetSpec, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;

use super::backoff::Backoff;
use super::node::{eligibility, pod, tolerant_spec};
use super::plan::{Observed, Plan, min_ready_seconds, plan};
use super::status::status;
use crate::controllers::shared::claim;
use crate::controllers::shared::family::Family;
use crate::controllers::shared::history::{self, HASH_LABEL};
use crate::controllers::shared::pod_control::PodControl;
use crate::controllers::shared::pods;
use crate::controllers::shared::slow_start::slow_start;
use crate::framework::{Action, Context, Controller, Error, Queue, has_cause, is_not_found};

struct DaemonSetController {
    client: Client,
    clock: SharedClock,
    control: PodControl,
    expectations: Arc<Expectations>,
    backoff: Backoff,
    revisions: Informer<ControllerRevision>,
    sets: Informer<DaemonSet>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let sets = cx.informers.of::<DaemonSet>();
    let (pods, nodes) = (pods::informer(&cx.informers), cx.informers.of::<Node>());
    let revisions = cx.informers.of::<ControllerRevision>();
    pods::index_owners(&revisions);
    let expectations = Arc::new(Expectations::new());
    let family = Family {
        owners: sets.clone(),
        queue: queue.clone(),
        expectations: Some(expectations.clone()),
        selector: |set: &DaemonSet| claim::selector(&set.spec.as_ref()?.selector).ok(),
    };
    family.watch(&pods);
    wake_on_nodes(&sets, &nodes, queue);
    Arc::new(DaemonSetController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        control: PodControl::new(cx.client.clone(), cx.recorder("daemonset-controller")),
        expectations,
        backoff: Backoff::default(),
        revisions,
        sets,
        pods,
        nodes,
    })
}

/// Looks at the sets for which a change of a node makes a difference.
fn wake_on_nodes(sets: &Informer<DaemonSet>, nodes: &Informer<Node>, queue: Queue) {
    let sets = sets.clone();
    nodes.on_change(move |change| {
        if let Change::Updated { old, new } = change
            && old.labels() == new.labels()
            && old.spec.as_ref().map(|spec| &spec.taints) == new.spec.as_ref().map(|spec| &spec.taints)
        {
            return;
        }
        for set in sets.list() {
            let spec = tolerant_spec(&set);
            let concerned = match change {
                Change::Updated { old, new } => eligibility(&spec, old) != eligibility(&spec, new),
                Change::Added(_) | Change::Deleted(_) => true,
            };
            if concerned {
                queue.add(NamespacedName::of(set.as_ref()));
            }
        }
    });
}

#[async_trait]
impl Controller for DaemonSetController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(set) = self.sets.get(key) else {
            self.expectations.forget(key);
            return Ok(Action::Done);
        };
        let spec = set.spec.clone().unwrap_or_default();
        if spec.selector.match_labels.is_none() && spec.selector.match_expressions.is_none() {
            let message = "This daemon set is selecting all pods. A non-empty selector is required.";
            self.control.event(set.as_ref(), EventType::Warning, "SelectingAll", message);
            return Ok(Action::Done);
        }
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let selector = claim::selector(&spec.selector)?;
        let revisions = history::of(&self.client, &self.revisions, set.as_ref(), &selector).await?;
        let mut collisions = set.status.as_ref().and_then(|status| status.collision_count);
        let current =
            history::current(&self.client, set.as_ref(), HASH_LABEL, &spec.template, &revisions, &mut collisions)
                .await?;
        // Asked before the pods are read: what is seen later cannot have been missed.
        let caught_up = self.expectations.satisfied(key);
        let mut candidates = self.pods.by_index(pods::BY_CONTROLLER, &set.uid().unwrap_or_default());
        candidates.extend(self.pods.by_index(pods::ORPHANS, &key.namespace));
        let owned = claim::claim(&self.client, set.as_ref(), &selector, candidates).await?;
        let observed = self.observe(&set, &current, &owned);
        let generation =
            if caught_up { set.metadata.generation } else { set.status.as_ref().and_then(|s| s.observed_generation) };
        let mut again = self.next_available(&set, &owned);
        let managed = if caught_up {
            let plan = plan(&observed);
            again = again.into_iter().chain(plan.again).min();
            self.carry_out(key, &observed, &plan).await
        } else {
            Ok(())
        };
        self.write_status(key, &set, status(&observed, generation, collisions)).await?;
        managed?;
        if caught_up {
            self.forget_revisions(&set, &spec, &revisions, &current, &owned).await?;
        }
        Ok(again.map_or(Action::Done, Action::After))
    }
}

impl DaemonSetController {
    fn observe(&self, set: &Arc<DaemonSet>, current: &ControllerRevision, owned: &[Arc<Pod>]) -> Observed {
        let hash = current.labels().get(HASH_LABEL).cloned().unwrap_or_default();
        let generation = set.metadata.generation.unwrap_or_default();
        let waiting = self.backoff.waiting(&set.uid().unwrap_or_default(), generation);
        Observed::new(set.clone(), hash, &self.nodes.list(), owned, waiting, self.clock.now())
    }

    fn next_available(&self, set: &DaemonSet, owned: &[Arc<Pod>]) -> Option<std::time::Duration> {
        let (seconds, now) = (min_ready_seconds(set), self.clock.now());
        let waits = owned.iter().filter_map(|pod| pods::until_available(pod, seconds, now));
        waits.filter(|wait| !wait.is_zero()).min()
    }

    async fn carry_out(&self, key: &NamespacedName, observed: &Observed, plan: &Plan) -> Result<(), Error> {
        let set = observed.set.as_ref();
        for (kind, reason, message) in &plan.told {
            self.control.event(set, *kind, reason, message.clone());
        }
        for node in &plan.failed {
            let generation = set.metadata.generation.unwrap_or_default();
            self.backoff.failed(&set.uid().unwrap_or_default(), generation, node);
        }
        if plan.create.is_empty() && plan.delete.is_empty() {
            return Ok(());
        }
        let doomed: BTreeSet<NamespacedName> =
            plan.delete.iter().map(|name| NamespacedName::new(&key.namespace, name)).collect();
        self.expectations.expect(key, plan.create.len(), doomed.iter().cloned());
        let created = self.create(key, set, &observed.hash, &plan.create).await;
        let deleted = join_all(doomed.iter().map(|name| self.delete(key, set, name))).await;
        created?;
        deleted.into_iter().collect()
    }

    async fn create(&self, key: &NamespacedName, set: &DaemonSet, hash: &str, nodes: &[String]) -> Result<(), Error> {
        let rest = Mutex::new(nodes.iter());
        let (created, failed) = slow_start(nodes.len(), || {
            let node = rest.lock().next();
            async move {
                match node {
                    Some(node) => self.control.create(set, &pod(set, node, hash)).await,
                    None => Ok(()),
                }
            }
        })
        .await;
        for _ in created..nodes.len() {
            self.expectations.creation_observed(key);
        }
        match failed {
            Some(error) if !has_cause(&error, "NamespaceTerminating") => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn delete(&self, key: &NamespacedName, set: &DaemonSet, pod: &NamespacedName) -> Result<(), Error> {
        let deleted = self.control.delete(set, pod).await;
        if !matches!(deleted, Ok(true)) {
            self.expectations.deletion_observed(key, pod);
        }
        Ok(deleted.map(drop)?)
    }

    async fn forget_revisions(
        &self,
        set: &DaemonSet,
        spec: &DaemonSetSpec,
        revisions: &[Arc<ControllerRevision>],
        current: &ControllerRevision,
        owned: &[Arc<Pod>],
    ) -> Result<(), Error> {
        let hashes: BTreeSet<&String> = owned.iter().filter_map(|pod| pod.labels().get(HASH_LABEL)).collect();
        let in_use = revisions.iter().filter(|r| r.labels().get(HASH_LABEL).is_some_and(|hash| hashes.contains(hash)));
        let live = in_use.map(|r| r.name_any()).chain([current.name_any()]).collect();
        let surplus = history::surplus(revisions, &live, spec.revision_history_limit.unwrap_or(10));
        history::delete(&self.client, set.metadata.namespace.as_deref().unwrap_or_default(), surplus).await
    }

    async fn write_status(&self, key: &NamespacedName, set: &DaemonSet, new: DaemonSetStatus) -> Result<(), Error> {
        if set.status.as_ref() == Some(&new) {
            return Ok(());
        }
        let desired = DaemonSet { status: Some(new), ..set.clone() };
        let api = Api::<DaemonSet>::namespaced(self.client.clone(), &key.namespace);
        match api.replace_status(&key.name, &PostParams::default(), &desired).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
