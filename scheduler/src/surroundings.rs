//! Keeps namespaces, volumes and disruption budgets up to date from their watches.

use std::fmt::Debug;
use std::sync::Arc;

use corvette_client::informer::{Change, Informers};
use corvette_client::kube::{Resource, ResourceExt as _};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use serde::de::DeserializeOwned;

use crate::model::{BudgetInfo, ClaimInfo, Named, Surroundings, reach};
use crate::plugins::ClusterEvent;
use crate::scheduler::Shared;

/// Declares the informers.
pub fn watch(informers: &Informers, shared: &Arc<Shared>) {
    follow(informers, shared, None, |around, namespace: &Namespace, here| {
        let name: Arc<str> = namespace.name_any().into();
        if here {
            around.namespaces.insert(name, namespace.labels().clone());
        } else {
            around.namespaces.remove(&name);
        }
    });
    follow(informers, shared, Some(ClusterEvent::Volume), |around, claim: &PersistentVolumeClaim, here| {
        if here {
            around.claims.insert(named(claim), ClaimInfo::from_api(claim));
        } else {
            around.claims.remove(&named(claim));
        }
    });
    follow(informers, shared, Some(ClusterEvent::Volume), |around, volume: &PersistentVolume, here| {
        let name: Arc<str> = volume.name_any().into();
        if here {
            around.volumes.insert(name, reach(volume));
        } else {
            around.volumes.remove(&name);
        }
    });
    follow(informers, shared, Some(ClusterEvent::Volume), |around, class: &StorageClass, here| {
        let name: Arc<str> = class.name_any().into();
        if here && class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer") {
            around.delayed_classes.insert(name);
        } else {
            around.delayed_classes.remove(&name);
        }
    });
    // A budget that allows more lets no pod in that had to wait: it only changes which pods would go.
    follow(informers, shared, None, |around, budget: &PodDisruptionBudget, here| {
        if here {
            around.budgets.insert(named(budget), BudgetInfo::from_api(budget));
        } else {
            around.budgets.remove(&named(budget));
        }
    });
}

/// Has `edit` take over every object of a kind; its last argument says whether the object is there.
fn follow<K>(
    informers: &Informers,
    shared: &Arc<Shared>,
    event: Option<ClusterEvent>,
    edit: impl Fn(&mut Surroundings, &K, bool) + Send + Sync + 'static,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let shared = shared.clone();
    informers.of::<K>().on_change(move |change| {
        let here = !matches!(change, Change::Deleted(_));
        shared.around(|around| edit(around, change.object(), here), event.filter(|_| here));
    });
}

fn named(object: &impl Resource) -> Named {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default().into(), meta.name.clone().unwrap_or_default().into())
}
