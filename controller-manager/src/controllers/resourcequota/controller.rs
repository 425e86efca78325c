//! The shell: lists what is counted and writes the status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_api::gvk::GroupResource;
use corvette_api::quota::is_measured;
use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DynamicObject, ListParams, PostParams};
use corvette_client::kube::discovery::ApiResource;
use corvette_client::kube::{Api, Client, Resource};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};
use serde::Serialize;
use serde_json::Value;

use super::monitors::{Monitors, Wake};
use super::plan::{Counted, resources, status};
use crate::controllers::shared::discovery::{self, Served};
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, is_not_found};

/// How often everything is counted afresh.
const RESYNC: Duration = Duration::from_secs(300);

struct QuotaController {
    client: Client,
    clock: SharedClock,
    quotas: Informer<ResourceQuota>,
    monitors: Monitors,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let quotas = cx.informers.of::<ResourceQuota>();
    let keys = queue.clone();
    quotas.on_change(move |change| match change {
        // Its own writes, and those of admission, are no reason to count.
        Change::Updated { old, new } if old.spec == new.spec => {}
        Change::Deleted(_) => {}
        Change::Added(quota) | Change::Updated { new: quota, .. } => keys.add(NamespacedName::of(quota.as_ref())),
    });
    let wake = Wake { quotas: quotas.clone(), queue };
    watch(&pods::informer(&cx.informers), &wake, |old: &Pod, new: &Pod| {
        pods::is_terminal(new) && !pods::is_terminal(old)
    });
    let kind = |service: &Service| service.spec.as_ref().map(|spec| (spec.type_.clone(), spec.ports.clone()));
    watch(&cx.informers.of::<Service>(), &wake, move |old, new| kind(old) != kind(new));
    let size = |claim: &PersistentVolumeClaim| (claim.spec.clone(), claim.status.clone());
    watch(&cx.informers.of::<PersistentVolumeClaim>(), &wake, move |old, new| size(old) != size(new));
    let known = ["pods", "services", "persistentvolumeclaims"].map(|name| GroupResource::new("", name));
    let monitors = Monitors::new(cx.client.clone(), cx.tasks.child("resourcequota"), wake, known);
    Arc::new(QuotaController { client: cx.client.clone(), clock: cx.clock.clone(), quotas, monitors })
}

/// Has quotas counted when an object goes away, or changes so that it may use less.
fn watch<K>(informer: &Informer<K>, wake: &Wake, lessens: impl Fn(&K, &K) -> bool + Send + Sync + 'static)
where
    K: Resource + Send + Sync + 'static,
{
    let wake = wake.clone();
    informer.on_change(move |change| {
        let concerned = match change {
            Change::Added(_) => None,
            Change::Updated { old, new } => lessens(old, new).then_some(new),
            Change::Deleted(gone) => Some(gone),
        };
        if let Some(object) = concerned {
            wake.namespace(object.meta().namespace.as_deref().unwrap_or_default());
        }
    });
}

#[async_trait]
impl Controller for QuotaController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        if self.quotas.get(key).is_none_or(|quota| quota.metadata.deletion_timestamp.is_some()) {
            return Ok(Action::Done);
        }
        let api = Api::<ResourceQuota>::namespaced(self.client.clone(), &key.namespace);
        // Read before anything is counted: what admission adds meanwhile makes the write fail.
        let Some(mut quota) = api.get_opt(&key.name).await? else { return Ok(Action::Done) };
        let value = to_value(&quota)?;
        let counted = self.count(&key.namespace, &value).await?;
        let status = status(&value, &counted, self.clock.now());
        let status = serde_json::from_value(status).map_err(|error| Error::Invalid(error.to_string()))?;
        if quota.status.as_ref() != Some(&status) {
            quota.status = Some(status);
            match api.replace_status(&key.name, &PostParams::default(), &quota).await {
                Err(error) if !is_not_found(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(Action::After(RESYNC))
    }
}

impl QuotaController {
    async fn count(&self, namespace: &str, quota: &Value) -> Result<Vec<Counted>, Error> {
        let wanted = resources(quota);
        let served: BTreeMap<GroupResource, Served> =
            discovery::resources(&self.client).await?.into_iter().map(|served| (named(&served), served)).collect();
        let mut counted = Vec::with_capacity(wanted.len());
        for resource in wanted {
            // What is not served yet is not used either; the next count will see it.
            let Some(served) = served.get(&resource) else { continue };
            self.monitors.watch(&resource, served);
            let objects = self.list(namespace, &resource, served).await?;
            counted.push(Counted { resource, objects });
        }
        Ok(counted)
    }

    async fn list(&self, namespace: &str, resource: &GroupResource, served: &Served) -> Result<Vec<Value>, Error> {
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &served.resource);
        if is_measured(resource) {
            api.list(&ListParams::default()).await?.items.iter().map(to_value).collect()
        } else {
            api.list_metadata(&ListParams::default()).await?.items.iter().map(to_value).collect()
        }
    }
}

fn named(served: &Served) -> GroupResource {
    let ApiResource { group, plural, .. } = &served.resource;
    GroupResource { group: group.clone().into(), resource: plural.clone().into() }
}

fn to_value(object: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(object).map_err(|error| Error::Invalid(error.to_string()))
}
