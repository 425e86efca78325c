//! When a finished job is due, and its deletion.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use corvette_client::kube::{Api, Client, ResourceExt as _};
use corvette_component::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;

use crate::controllers::job::is_finished;
use crate::framework::{Action, Context, Controller, Error, Queue, is_not_found};

struct TtlController {
    client: Client,
    clock: SharedClock,
    jobs: Informer<Job>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let jobs = cx.informers.of::<Job>();
    jobs.on_change(move |change| {
        let job = change.object();
        if !matches!(change, Change::Deleted(_)) && due(job).is_some() {
            queue.add(NamespacedName::of(job.as_ref()));
        }
    });
    Arc::new(TtlController { client: cx.client.clone(), clock: cx.clock.clone(), jobs })
}

/// Returns when a job is to be deleted; `None` while it is not finished, or if it is to stay.
fn due(job: &Job) -> Option<Timestamp> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    if !is_finished(job) || job.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let last = conditions.iter().find(|c| c.status == "True" && matches!(c.type_.as_str(), "Complete" | "Failed"))?;
    last.last_transition_time.as_ref()?.0.saturating_add(SignedDuration::from_secs(seconds.into())).ok()
}

#[async_trait]
impl Controller for TtlController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(at) = self.jobs.get(key).and_then(|job| due(&job)) else { return Ok(Action::Done) };
        let rest = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default();
        if !rest.is_zero() {
            return Ok(Action::After(rest));
        }
        // A cached job may have been changed to stay, or be another by now.
        let api = Api::<Job>::namespaced(self.client.clone(), &key.namespace);
        let Some(live) = api.get_opt(&key.name).await? else { return Ok(Action::Done) };
        if due(&live).is_none_or(|at| at > self.clock.now()) {
            return Ok(Action::Done);
        }
        let only = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(only),
            ..DeleteParams::default()
        };
        match api.delete(&key.name, &params).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(Action::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::shared::testing::at;

    #[test]
    fn jobs_are_due_after_their_end_and_not_without_one() {
        let job = |ttl: Option<i32>, kind: &str, status: &str| -> Job {
            serde_json::from_value(json!({
                "metadata": {"name": "j"},
                "spec": {"ttlSecondsAfterFinished": ttl, "template": {}},
                "status": {"conditions": [
                    {"type": kind, "status": status, "lastTransitionTime": "1970-01-01T00:01:40Z"},
                ]},
            }))
            .unwrap()
        };
        assert_eq!(due(&job(Some(10), "Complete", "True")), Some(at(110)));
        assert_eq!(due(&job(Some(0), "Failed", "True")), Some(at(100)));
        assert_eq!(due(&job(None, "Complete", "True")), None);
        assert_eq!(due(&job(Some(10), "Complete", "False")), None);
        assert_eq!(due(&job(Some(10), "Suspended", "True")), None);
    }
}
