//! The shell: reads caches, carries the plan out, writes the status.

use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, PostParams, PropagationPolicy};
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};

use super::plan::{plan, started};
use crate::controllers::shared::claim::controller_of;
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_not_found, is_status};

struct CronJobController {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    crons: Informer<CronJob>,
    jobs: Informer<Job>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (crons, jobs) = (cx.informers.of::<CronJob>(), cx.informers.of::<Job>());
    pods::index_owners(&jobs);
    let keys = queue.clone();
    crons.on_change(move |change| {
        if !matches!(change, Change::Deleted(_)) {
            keys.add(NamespacedName::of(change.object().as_ref()));
        }
    });
    jobs.on_change(move |change| {
        let job = change.object();
        if let Some(owner) = controller_of(job.meta()).filter(|owner| owner.kind == "CronJob") {
            queue.add(NamespacedName::new(job.namespace().unwrap_or_default(), &owner.name));
        }
    });
    Arc::new(CronJobController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        recorder: cx.recorder("cronjob-controller"),
        crons,
        jobs,
    })
}

#[async_trait]
impl Controller for CronJobController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(cron) = self.crons.get(key) else { return Ok(Action::Done) };
        let mut jobs = self.jobs.by_index(pods::BY_CONTROLLER, &cron.uid().unwrap_or_default());
        jobs.retain(|job| job.metadata.namespace == cron.metadata.namespace);
        let plan = plan(&cron, &jobs, self.clock.now());
        for (kind, reason, message) in plan.told {
            self.recorder.event(&cron.object_ref(&()), kind, reason, message);
        }
        for name in plan.forget.iter().chain(&plan.replace) {
            self.delete(&cron, name).await?;
        }
        let mut status = plan.status;
        if !plan.replace.is_empty() {
            let replaced = |name: &Option<String>| name.as_ref().is_some_and(|name| plan.replace.contains(name));
            status.active = status.active.map(|active| active.into_iter().filter(|job| !replaced(&job.name)).collect());
        }
        if let Some((job, at)) = plan.create {
            self.create(&cron, &job, at, &mut status).await?;
        }
        self.write(key, &cron, status).await?;
        Ok(plan.again.map_or(Action::Done, Action::After))
    }
}

impl CronJobController {
    async fn delete(&self, cron: &CronJob, name: &str) -> Result<(), Error> {
        let api = Api::<Job>::namespaced(self.client.clone(), &cron.namespace().unwrap_or_default());
        let background =
            DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        match api.delete(name, &background).await {
            Ok(_) => {
                let message = format!("Deleted job {name}");
                self.recorder.event(&cron.object_ref(&()), EventType::Normal, "SuccessfulDelete", message);
                Ok(())
            }
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => {
                let message = format!("Deleted job: {}", api_message(&error));
                self.recorder.event(&cron.object_ref(&()), EventType::Warning, "FailedDelete", message);
                Err(error.into())
            }
        }
    }

    async fn create(&self, cron: &CronJob, job: &Job, at: Timestamp, status: &mut CronJobStatus) -> Result<(), Error> {
        let api = Api::<Job>::namespaced(self.client.clone(), &cron.namespace().unwrap_or_default());
        match api.create(&PostParams::default(), job).await {
            Ok(created) => {
                let message = format!("Created job {}", created.name_any());
                self.recorder.event(&cron.object_ref(&()), EventType::Normal, "SuccessfulCreate", message);
                started(status, &created, at);
                Ok(())
            }
            Err(error) if is_status(&error, 409, "AlreadyExists") => {
                let existing = api.get(&job.name_any()).await?;
                // Made before a crash, or by someone else: the time is over in both cases.
                if controller_of(existing.meta()).map(|owner| &owner.uid) == cron.metadata.uid.as_ref() {
                    started(status, &existing, at);
                }
                Ok(())
            }
            Err(error) if has_cause(&error, "NamespaceTerminating") => Ok(()),
            Err(error) => {
                let message = format!("Error creating job: {}", api_message(&error));
                self.recorder.event(&cron.object_ref(&()), EventType::Warning, "FailedCreate", message);
                Err(error.into())
            }
        }
    }

    async fn write(&self, key: &NamespacedName, cron: &CronJob, mut status: CronJobStatus) -> Result<(), Error> {
        status.active = status.active.filter(|active| !active.is_empty());
        if cron.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let desired = CronJob { status: Some(status), ..cron.clone() };
        let api = Api::<CronJob>::namespaced(self.client.clone(), &key.namespace);
        match api.replace_status(&key.name, &PostParams::default(), &desired).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
