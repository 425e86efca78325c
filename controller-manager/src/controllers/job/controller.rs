//! The shell: reads caches, carries the plan out, counts in the status.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::EventType;
use corvette_client::expectations::Expectations;
use corvette_client::informer::Informer;
use corvette_client::kube::api::PostParams;
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use futures::future::join_all;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;

use super::backoff::Record;
use super::model::{Observed, has_finalizer, is_finished, uid};
use super::plan::{New, Plan, ended, plan};
use super::{orphans, template, track};
use crate::controllers::shared::claim::{self, controller_of};
use crate::controllers::shared::family::Family;
use crate::controllers::shared::pod_control::PodControl;
use crate::controllers::shared::pods;
use crate::controllers::shared::slow_start::slow_start;
use crate::framework::{Action, Context, Controller, Error, Queue, has_cause};

struct JobController {
    client: Client,
    clock: SharedClock,
    control: PodControl,
    expectations: Arc<Expectations>,
    jobs: Informer<Job>,
    pods: Informer<Pod>,
    /// What is remembered of jobs that are not finished. Never held while waiting.
    memory: Mutex<HashMap<NamespacedName, Memory>>,
}

#[derive(Debug, Clone, Default)]
struct Memory {
    record: Record,
    released: BTreeSet<String>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (jobs, pods) = (cx.informers.of::<Job>(), pods::informer(&cx.informers));
    let expectations = Arc::new(Expectations::new());
    let family = Family {
        owners: jobs.clone(),
        queue: queue.clone(),
        expectations: Some(expectations.clone()),
        selector: |job: &Job| claim::selector(job.spec.as_ref()?.selector.as_ref()?).ok(),
    };
    family.watch(&pods);
    orphans::watch(&pods, queue);
    Arc::new(JobController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        control: PodControl::new(cx.client.clone(), cx.recorder("job-controller")),
        expectations,
        jobs,
        pods,
        memory: Mutex::default(),
    })
}

#[async_trait]
impl Controller for JobController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        if let Some(pod) = orphans::pod_name(key) {
            orphans::free(&self.client, &self.pods, key, pod).await?;
            return Ok(Action::Done);
        }
        let Some(job) = self.jobs.get(key) else {
            self.expectations.forget(key);
            self.memory.lock().remove(key);
            for pod in orphans::left_by(&self.pods, key) {
                orphans::release(&self.client, &pod).await?;
            }
            return Ok(Action::Done);
        };
        let external = job.spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
        if external.is_some_and(|name| name != "kubernetes.io/job-controller") {
            return Ok(Action::Done);
        }
        if is_finished(&job) {
            self.memory.lock().remove(key);
            return Ok(Action::Done);
        }
        // Asked before the pods are read: what is seen later cannot have been missed.
        let caught_up = self.expectations.satisfied(key);
        let owned = self.claim(&job).await?;
        let memory = self.recall(key, &owned);
        let now = self.clock.now();
        let released = memory.released;
        let mut observed =
            Observed { job: job.clone(), pods: owned, released, caught_up, wait: std::time::Duration::ZERO, now };
        let (succeeded, failed) = ended(&observed);
        let record = memory.record.with(&succeeded, &failed, now);
        observed.wait = record.wait(now);
        let plan = plan(&observed);
        self.carry_out(key, &job, &plan).await?;
        self.track(key, &observed, &plan, record).await?;
        Ok(plan.again.map_or(Action::Done, Action::After))
    }
}

impl JobController {
    async fn claim(&self, job: &Job) -> Result<Vec<Arc<Pod>>, Error> {
        let selector = job.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        let selector = claim::selector(&selector)?;
        let mut candidates = self.pods.by_index(pods::BY_CONTROLLER, &job.uid().unwrap_or_default());
        candidates.extend(self.pods.by_index(pods::ORPHANS, &job.namespace().unwrap_or_default()));
        let owned = claim::claim(&self.client, job, &selector, candidates).await?;
        for pod in owned.iter().filter(|pod| controller_of(&pod.metadata).is_none() && !has_finalizer(pod)) {
            orphans::hold(&self.client, pod).await?;
        }
        Ok(owned)
    }

    /// Returns what is remembered, without releases that the cache shows by now.
    fn recall(&self, key: &NamespacedName, owned: &[Arc<Pod>]) -> Memory {
        let mut memory = self.memory.lock();
        let Some(found) = memory.get_mut(key) else { return Memory::default() };
        let held: BTreeSet<String> = owned.iter().filter(|pod| has_finalizer(pod)).map(|pod| uid(pod)).collect();
        found.released.retain(|uid| held.contains(uid));
        found.clone()
    }

    async fn carry_out(&self, key: &NamespacedName, job: &Job, plan: &Plan) -> Result<(), Error> {
        if let Some((reason, message)) = plan.told {
            self.control.event(job, EventType::Normal, reason, message);
        }
        let doomed: Vec<NamespacedName> = plan.delete.iter().map(|pod| NamespacedName::of(pod.as_ref())).collect();
        if !plan.create.is_empty() || plan.uncounted && !doomed.is_empty() {
            self.expectations.expect(key, plan.create.len(), doomed.iter().cloned());
        }
        let deletions = plan.delete.iter().map(|pod| self.delete(key, job, pod, plan.uncounted));
        let deleted: Result<(), Error> = join_all(deletions).await.into_iter().collect();
        let created = self.create(key, job, &plan.create).await;
        deleted.and(created)
    }

    async fn delete(&self, key: &NamespacedName, job: &Job, pod: &Pod, uncounted: bool) -> Result<(), Error> {
        let name = NamespacedName::of(pod);
        if uncounted && has_finalizer(pod) {
            if let Err(error) = orphans::release(&self.client, pod).await {
                self.expectations.deletion_observed(key, &name);
                return Err(error.into());
            }
            self.memory.lock().entry(key.clone()).or_default().released.insert(uid(pod));
        }
        let deleted = self.control.delete(job, &name).await;
        if !matches!(deleted, Ok(true)) {
            self.expectations.deletion_observed(key, &name);
        }
        Ok(deleted.map(drop)?)
    }

    async fn create(&self, key: &NamespacedName, job: &Job, new: &[New]) -> Result<(), Error> {
        let rest = Mutex::new(new.iter());
        let (created, failed) = slow_start(new.len(), || {
            let next = rest.lock().next().copied().unwrap_or_default();
            async move { self.control.create(job, &template::pod(job, next)).await }
        })
        .await;
        for _ in created..new.len() {
            self.expectations.creation_observed(key);
        }
        match failed {
            Some(error) if !has_cause(&error, "NamespaceTerminating") => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Notes ends in the status, takes finalizers off, counts, and finishes the job when all is counted.
    async fn track(&self, key: &NamespacedName, observed: &Observed, plan: &Plan, record: Record) -> Result<(), Error> {
        let held = observed.pods.iter().filter(|pod| observed.is_tracked(pod)).map(|pod| uid(pod));
        let mut held: BTreeSet<String> = held.collect();
        let mut status = plan.tracking.status.clone();
        track::count(&mut status, &held);
        let mut job = self.write(key, observed.job.as_ref().clone(), &status).await?;
        self.memory.lock().entry(key.clone()).or_default().record = record;
        let releases = plan.tracking.release.iter().map(|pod| orphans::release(&self.client, pod));
        let mut failure = None;
        for (pod, result) in plan.tracking.release.iter().zip(join_all(releases).await) {
            match result {
                Ok(()) => {
                    held.remove(&uid(pod));
                    self.memory.lock().entry(key.clone()).or_default().released.insert(uid(pod));
                }
                Err(error) => failure = Some(error),
            }
        }
        track::count(&mut status, &held);
        let over = plan.over.as_ref().filter(|_| failure.is_none() && !plan.tracking.more);
        let finished = over.is_some_and(|over| track::finish(&mut status, over, observed.now));
        job = self.write(key, job, &status).await?;
        if finished {
            self.tell_end(&job);
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    fn tell_end(&self, job: &Job) {
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        for condition in conditions.filter(|condition| condition.status == "True") {
            match condition.type_.as_str() {
                "Complete" => self.control.event(job, EventType::Normal, "Completed", "Job completed"),
                "Failed" => {
                    let reason = condition.reason.as_deref().unwrap_or("Failed");
                    self.control.event(job, EventType::Warning, reason, condition.message.clone().unwrap_or_default());
                }
                _ => {}
            }
        }
    }

    /// Writes the status if it differs, and returns the job as it is then.
    async fn write(&self, key: &NamespacedName, job: Job, status: &JobStatus) -> Result<Job, Error> {
        if job.status.as_ref() == Some(status) {
            return Ok(job);
        }
        let desired = Job { status: Some(status.clone()), ..job };
        let api = Api::<Job>::namespaced(self.client.clone(), &key.namespace);
        let written = api.replace_status(&key.name, &PostParams::default(), &desired).await?;
        tracing::debug!(version = ?written.meta().resource_version, "job status written");
        Ok(written)
    }
}
