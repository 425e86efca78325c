//! The shell: reads caches, carries the plan out, writes the status.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::expectations::Expectations;
use corvette_client::informer::Informer;
use corvette_client::kube::api::PostParams;
use corvette_client::kube::core::Selector;
use corvette_client::kube::{self, Api, Client};
use corvette_component::clock::SharedClock;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;

use super::kind::Replicated;
use super::plan::{Plan, plan};
use super::status::{Failure, next_available, status};
use crate::controllers::shared::claim::{self, controller_of, controller_ref};
use crate::controllers::shared::family::Family;
use crate::controllers::shared::pod_control::PodControl;
use crate::controllers::shared::pods;
use crate::controllers::shared::slow_start::slow_start;
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_not_found};

struct ReplicaController<K> {
    client: Client,
    clock: SharedClock,
    control: PodControl,
    expectations: Arc<Expectations>,
    sets: Informer<K>,
    pods: Informer<Pod>,
}

/// Builds the controller of the kind `K`.
pub fn build<K: Replicated>(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (sets, pods) = (cx.informers.of::<K>(), pods::informer(&cx.informers));
    pods::index_owners(&sets);
    let expectations = Arc::new(Expectations::new());
    let family = Family {
        owners: sets.clone(),
        queue,
        expectations: Some(expectations.clone()),
        selector: |set: &K| set.selector().ok(),
    };
    family.watch(&pods);
    Arc::new(ReplicaController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        control: PodControl::new(cx.client.clone(), cx.recorder(K::COMPONENT)),
        expectations,
        sets,
        pods,
    })
}

#[async_trait]
impl<K: Replicated> Controller for ReplicaController<K> {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(set) = self.sets.get(key) else {
            self.expectations.forget(key);
            return Ok(Action::Done);
        };
        // Asked before the pods are read: what is seen later cannot have been missed.
        let caught_up = self.expectations.satisfied(key);
        let owned = self.claim(&set, &set.selector()?).await?;
        let active: Vec<_> = owned.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let terminating =
            owned.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some() && !pods::is_terminal(pod));
        let terminating = terminating.count();
        let managed = if caught_up && set.meta().deletion_timestamp.is_none() {
            self.manage(key, &set, &active).await
        } else {
            Ok(())
        };
        let failure = managed.as_ref().err().map(|(failure, _)| failure);
        self.write_status(key, &set, &active, terminating, failure).await?;
        if let Err((_, error)) = managed {
            return Err(error.into());
        }
        Ok(next_available(set.as_ref(), &active, self.clock.now()).map_or(Action::Done, Action::After))
    }
}

impl<K: Replicated> ReplicaController<K> {
    async fn claim(&self, set: &K, selector: &Selector) -> Result<Vec<Arc<Pod>>, Error> {
        let mut candidates = self.pods.by_index(pods::BY_CONTROLLER, set.meta().uid.as_deref().unwrap_or_default());
        candidates.extend(self.pods.by_index(pods::ORPHANS, set.meta().namespace.as_deref().unwrap_or_default()));
        claim::claim(&self.client, set, selector, candidates).await
    }

    async fn manage(&self, key: &NamespacedName, set: &K, active: &[Arc<Pod>]) -> Result<(), (Failure, kube::Error)> {
        match plan(set.replicas(), active, &self.related(set), self.clock.now()) {
            Plan::Nothing => Ok(()),
            Plan::Create(count) => self.create(key, set, count).await,
            Plan::Delete(pods) => self.delete(key, set, &pods).await,
        }
    }

    /// Returns the pods of all sets with the same owner, such as those of one Deployment.
    fn related(&self, set: &K) -> Vec<Arc<Pod>> {
        let of_set = |set: &K| self.pods.by_index(pods::BY_CONTROLLER, set.meta().uid.as_deref().unwrap_or_default());
        match controller_of(set.meta()) {
            None => of_set(set),
            Some(owner) => {
                let siblings = self.sets.by_index(pods::BY_CONTROLLER, &owner.uid);
                siblings.iter().flat_map(|sibling| of_set(sibling)).collect()
            }
        }
    }

    async fn create(&self, key: &NamespacedName, set: &K, count: usize) -> Result<(), (Failure, kube::Error)> {
        let Some(template) = set.template() else { return Ok(()) };
        let pod = pods::from_template(template, &key.name, &key.namespace, controller_ref(set));
        self.expectations.expect_creations(key, count);
        let (created, failed) = slow_start(count, || self.control.create(set, &pod)).await;
        for _ in created..count {
            self.expectations.creation_observed(key);
        }
        match failed {
            // The pods would be deleted at once; the set goes with its namespace.
            Some(error) if has_cause(&error, "NamespaceTerminating") => Ok(()),
            Some(error) => Err((Failure { reason: "FailedCreate", message: api_message(&error) }, error)),
            None => Ok(()),
        }
    }

    async fn delete(&self, key: &NamespacedName, set: &K, pods: &[Arc<Pod>]) -> Result<(), (Failure, kube::Error)> {
        let names: BTreeMap<NamespacedName, &Arc<Pod>> =
            pods.iter().map(|pod| (NamespacedName::of(pod.as_ref()), pod)).collect();
        self.expectations.expect_deletions(key, names.keys().cloned());
        let results = join_all(names.keys().map(|pod| self.delete_one(key, set, pod))).await;
        match results.into_iter().find_map(Result::err) {
            Some(error) => Err((Failure { reason: "FailedDelete", message: api_message(&error) }, error)),
            None => Ok(()),
        }
    }

    async fn delete_one(&self, key: &NamespacedName, set: &K, pod: &NamespacedName) -> Result<(), kube::Error> {
        let deleted = self.control.delete(set, pod).await;
        if !matches!(deleted, Ok(true)) {
            self.expectations.deletion_observed(key, pod);
        }
        deleted.map(drop)
    }

    async fn write_status(
        &self,
        key: &NamespacedName,
        set: &Arc<K>,
        active: &[Arc<Pod>],
        terminating: usize,
        failure: Option<&Failure>,
    ) -> Result<(), Error> {
        let new = status(set.as_ref(), active, terminating, failure, self.clock.now());
        let desired = set.with_status(new);
        if desired.status() == set.status() {
            return Ok(());
        }
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        match api.replace_status(&key.name, &PostParams::default(), &desired).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
